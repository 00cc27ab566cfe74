#!/usr/bin/env bash
# github.com/bmatcuk/doublestar/v4 has two answers to one pattern. Of the files report, report.gz and
# report-1 its search takes all three by `report*{,.gz}`, and only report.gz by `report*{.gz,}`. Its
# comparison of the same pattern with a name takes report.gz and report-1 in both orders, but never
# report: at the end of a name a `*` before braces no longer stands for nothing. npm's minimatch does
# not care about the order, and takes all three. It matters to whoever compares names with a pattern
# that was meant for a search: gitlab-runner searches by the `paths` of artifacts and caches, and
# compares by their `exclude`, so a file may be kept and cannot be excluded by the same words.
# Both hold in 4.10.0, which gitlab-runner 19.4 has, and in 4.10.4.
# Exits with 0 while this is so. Needs Go and Node.
set -euo pipefail
directory=$(mktemp -d)
trap 'chmod -R u+w "$directory"; rm -rf "$directory"' EXIT
cd "$directory"
mkdir files
touch files/report files/report.gz files/report-1
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

func main() {
	for _, pattern := range os.Args[1:] {
		searched, err := doublestar.Glob(os.DirFS("files"), pattern)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		sort.Strings(searched)
		var compared []string
		for _, name := range []string{"report", "report-1", "report.gz"} {
			if is, err := doublestar.Match(pattern, name); err == nil && is {
				compared = append(compared, name)
			}
		}
		fmt.Printf("%s searched: %s; compared: %s\n", pattern, strings.Join(searched, " "), strings.Join(compared, " "))
	}
}
GO
cat >expected.txt <<'TEXT'
report*{,.gz} searched: report report-1 report.gz; compared: report-1 report.gz
report*{.gz,} searched: report.gz; compared: report-1 report.gz
TEXT
export GOFLAGS=-mod=mod GOPATH="$directory/go" GONOSUMDB="${GONOSUMDB:-}"
for version in 4.10.0 4.10.4; do
  printf 'module try\ngo 1.21\nrequire github.com/bmatcuk/doublestar/v4 v%s\n' "$version" >go.mod
  rm -f go.sum
  go run . 'report*{,.gz}' 'report*{.gz,}' >seen.txt
  sed "s/^/doublestar $version: /" seen.txt
  diff expected.txt seen.txt
done
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund minimatch@10.2.5
cat >try.cjs <<'JS'
const { minimatch } = require('minimatch');
const names = ['report', 'report-1', 'report.gz'];
const taken = ['report*{,.gz}', 'report*{.gz,}'].map((pattern) => names.filter((name) => minimatch(name, pattern)).join(' '));
console.log('minimatch 10.2.5 compared:', taken);
process.exit(taken.every((each) => each === names.join(' ')) ? 0 : 1);
JS
node try.cjs
