# The worker: one node of temporal-gitlab-runner. See docs/operations.md, "In containers".

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Nothing of ours or of our dependencies needs an install script: native parts come prebuilt.
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN node scripts/build.mjs

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
# Fewer pools for memory of native code, which would grow with each thread.
ENV MALLOC_ARENA_MAX=2
# The slim image has no certificate authorities, and the native client of Temporal takes none but the
# system's. These are Node's own.
RUN mkdir -p /etc/ssl/certs && node -p 'tls.rootCertificates.join("\n")' > /etc/ssl/certs/ca-certificates.crt
RUN ln -s /app/dist/program/cli.js /usr/local/bin/temporal-gitlab-runner
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/dist/*.json /app/dist/workflow-bundle.js ./dist/
COPY --from=build /app/dist/program ./dist/program
# Root, because whoever may use Docker's socket is root anyway, and files of the state directory are
# handed to containers of any user.
ENTRYPOINT ["node", "--max-semi-space-size=4", "dist/program/cli.js"]
CMD ["run"]
