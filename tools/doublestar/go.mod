module doublestar-verdicts

go 1.21

require github.com/bmatcuk/doublestar/v4 v4.10.0
