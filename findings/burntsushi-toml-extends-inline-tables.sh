#!/usr/bin/env bash
# github.com/BurntSushi/toml 1.6.0, by which gitlab-runner reads its config.toml, takes a file that TOML
# 1.0 forbids: a table that is written inline and extended later by a header, and a dotted key whose table
# gets a header afterwards. A reader that keeps to the standard, such as the npm package toml 5.0.1, refuses
# the whole file. So a config.toml that has worked for years cannot be read by other tools.
# Exits with 0 while this is so. Needs Go and Node.
set -euo pipefail
directory=$(mktemp -d)
trap 'chmod -R u+w "$directory"; rm -rf "$directory"' EXIT
cd "$directory"
cat >inline.toml <<'TOML'
[[runners]]
docker = { image = "alpine" }
[runners.docker.sysctls]
"net.core.somaxconn" = "1024"
TOML
cat >dotted.toml <<'TOML'
[[runners]]
cache.Type = "s3"
[runners.cache]
Path = "prefix"
TOML
cat >go.mod <<'MOD'
module try
go 1.21
require github.com/BurntSushi/toml v1.6.0
MOD
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/BurntSushi/toml"
)

func main() {
	for _, file := range []string{"inline.toml", "dotted.toml"} {
		var value map[string]any
		if _, err := toml.DecodeFile(file, &value); err != nil {
			fmt.Println("BurntSushi/toml", file, "refused:", err)
			os.Exit(1)
		}
		read, _ := json.Marshal(value)
		fmt.Println("BurntSushi/toml", file, string(read))
	}
}
GO
export GOFLAGS=-mod=mod GOPATH="$directory/go" GONOSUMDB="${GONOSUMDB:-}"
go run .
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund toml@5.0.1
for file in inline.toml dotted.toml; do
  if node -e 'require("toml").parse(require("fs").readFileSync(process.argv[1], "utf8"))' "$file" 2>error.txt; then
    echo "toml 5.0.1 $file read"
    exit 1
  fi
  echo "toml 5.0.1 $file refused: $(grep -m1 -i error error.txt)"
done
