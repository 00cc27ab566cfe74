// Says what mvdan.cc/sh, by which gitlab-runner's helper expands the paths and names of artifacts
// and caches, makes of a text: one JSON object {"text": …, "variables": {…}} a line in, one JSON
// object {"expanded": …} or {"fault": …} a line out.
//
//	echo '{"text": "${A:-x}", "variables": {}}' | go run .
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"mvdan.cc/sh/v3/shell"
)

type question struct {
	Text      string            `json:"text"`
	Variables map[string]string `json:"variables"`
}

func main() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	buffer := bufio.NewWriter(os.Stdout)
	defer buffer.Flush()
	out := json.NewEncoder(buffer)
	out.SetEscapeHTML(false)
	for in.More() {
		var asked question
		if err := in.Decode(&asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		_ = out.Encode(answer(asked))
	}
}

func answer(asked question) (answer map[string]string) {
	defer func() {
		if panicked := recover(); panicked != nil {
			answer = map[string]string{"fault": fmt.Sprint(panicked)}
		}
	}()
	valueOf := func(name string) string { return asked.Variables[name] }
	expanded, err := shell.Expand(asked.Text, valueOf)
	if err != nil {
		return map[string]string{"fault": err.Error()}
	}
	return map[string]string{"expanded": expanded}
}
