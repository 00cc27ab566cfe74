#!/usr/bin/env bash
# mvdan.cc/sh/v3, by which gitlab-runner expands the paths and names of artifacts and caches, and
# go-task its commands, differs from the shells in three kinds of expansion, and says nothing.
# A class that begins with a hyphen, as in `${REF//[-.]/_}`, changes nothing, while `[.-]` works; POSIX
# and every shell take the hyphen for itself in both places. `${TEXT%.*}` of two lines takes away all
# from the first full stop of the first line, not the shortest end. `${NAME/#a/b}` and `${NAME/%a/b}`,
# which replace only at the start or the end, replace nothing. So a name that was tried out in a script
# of the job comes out otherwise where the runner expands it. Seen in 3.13.1, which gitlab-runner 19.4
# has, and in 3.14.1.
# Exits with 0 while this is so. Needs Go; compares with bash, and with sh where POSIX has the form.
set -euo pipefail
directory=$(mktemp -d)
trap 'chmod -R u+w "$directory"; rm -rf "$directory"' EXIT
cd "$directory"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"mvdan.cc/sh/v3/shell"
)

func main() {
	expanded, err := shell.Expand(os.Args[1], os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%q\n", expanded)
}
GO
export GOFLAGS=-mod=mod GOPATH="$directory/go" GONOSUMDB="${GONOSUMDB:-}"
export REF=feature-1.2 TEXT=$'one.two\nthree.four'

quoted() { # shell, text
  "$1" -c "printf %s \"$2\"" | sed -z 's/\n/\\n/g; s/.*/"&"\n/'
}

for version in 3.13.1 3.14.1; do
  printf 'module try\ngo 1.25.0\nrequire mvdan.cc/sh/v3 v%s\n' "$version" >go.mod
  rm -f go.sum
  go build -o "expand-$version" .
done
same=0
while read -r shell text library expected; do
  seen=$(quoted "$shell" "$text")
  echo "$text is $seen in $shell"
  [ "$seen" = "$expected" ] || same=1
  for version in 3.13.1 3.14.1; do
    seen=$("./expand-$version" "$text")
    echo "$text is $seen in mvdan.cc/sh $version"
    [ "$seen" = "$library" ] || same=1
  done
done <<'TABLE'
bash ${REF//[-.]/_} "feature-1.2" "feature_1_2"
bash ${REF//[.-]/_} "feature_1_2" "feature_1_2"
sh ${REF##*[-.]} "feature-1.2" "2"
sh ${TEXT%.*} "one" "one.two\nthree"
bash ${REF/#feature/bug} "feature-1.2" "bug-1.2"
bash ${REF/%2/3} "feature-1.2" "feature-1.3"
TABLE
exit "$same"
