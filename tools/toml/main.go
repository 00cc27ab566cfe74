// Says what BurntSushi/toml, by which gitlab-runner reads its config.toml, makes of texts: one JSON
// string a line in, one JSON value a line out. Numbers and times come as {"$int": "1"},
// {"$float": "1.5"} and {"$time": "…"}, and what is refused as {"$refused": "why"}.
//
//	echo '"a = 1"' | go run .
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/BurntSushi/toml"
)

func main() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.More() {
		var text string
		if err := in.Decode(&text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		answer, err := json.Marshal(read(text))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprintln(out, string(answer))
	}
}

// A text on which the parser panics counts as refused: gitlab-runner would not start with it.
func read(text string) (answer any) {
	defer func() {
		if fault := recover(); fault != nil {
			answer = map[string]any{"$refused": fmt.Sprint(fault)}
		}
	}()
	var table map[string]any
	if _, err := toml.Decode(text, &table); err != nil {
		return map[string]any{"$refused": err.Error()}
	}
	return tagged(table)
}

func tagged(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		table := make(map[string]any, len(typed))
		for key, inner := range typed {
			table[key] = tagged(inner)
		}
		return table
	case []map[string]any:
		list := make([]any, len(typed))
		for index, inner := range typed {
			list[index] = tagged(inner)
		}
		return list
	case []any:
		list := make([]any, len(typed))
		for index, inner := range typed {
			list[index] = tagged(inner)
		}
		return list
	case int64:
		return map[string]any{"$int": strconv.FormatInt(typed, 10)}
	case float64:
		return map[string]any{"$float": strconv.FormatFloat(typed, 'g', -1, 64)}
	case time.Time:
		return map[string]any{"$time": typed.Format(time.RFC3339Nano)}
	default:
		return typed
	}
}
