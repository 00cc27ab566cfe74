// Says what doublestar, to which gitlab-runner leaves its patterns, makes of pairs of pattern and
// path: one JSON array of two strings a line in, one verdict a line out.
//
//	echo '["a/*", "a/b"]' | go run .
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/bmatcuk/doublestar/v4"
)

func main() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.More() {
		var pair [2]string
		if err := in.Decode(&pair); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprintln(out, verdict(pair[0], pair[1]))
	}
}

// invalid: the pattern as a whole; malformed: found out on the way, in a pattern that passed.
func verdict(pattern, path string) string {
	matched, err := doublestar.Match(pattern, path)
	switch {
	case !doublestar.ValidatePattern(pattern):
		return "invalid"
	case err != nil:
		return "malformed"
	case matched:
		return "match"
	default:
		return "no_match"
	}
}
