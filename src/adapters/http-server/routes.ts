import { said, type HttpRequest, type HttpResponse } from './http-server.ts';

/** Answers the requests for one path. `isLocal`: the request comes from this machine. */
export type Route = (
  query: URLSearchParams,
  from: { readonly isLocal: boolean },
) => Promise<HttpResponse>;

/** Answers GET and HEAD at the given paths, and tells nothing about itself at others. */
export function answerAt(
  routes: Readonly<Record<string, Route>>,
): (request: HttpRequest) => Promise<HttpResponse> {
  return async ({ method, path, query, isLocal }) => {
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route === undefined) return said(404);
    if (method !== 'GET' && method !== 'HEAD') return said(405, { Allow: 'GET, HEAD' });
    return route(query, { isLocal });
  };
}
