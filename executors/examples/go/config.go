package main

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"dkron-executor-checksum/executor"
	pb "dkron-executor-checksum/gen/executor/v1"
)

// schema tells hosts and people which keys there are; parse says the same in Go.
//
//go:embed config.schema.json
var schema string

// config is what a job asks for.
type config struct {
	paths     []string
	algorithm string
	// The digest that the file must have, in lower case; empty for none.
	expect string
	// How fast to read at most; 0 for no limit.
	maxBytesPerSecond int64
}

var keys = []string{"path", "algorithm", "expect", "maxBytesPerSecond"}

// parse makes a config of a job's strings, or tells everything that is wrong with it.
func parse(given map[string]string) (config, []*pb.Violation) {
	var wrong []*pb.Violation
	violate := func(field, message, hint string) {
		wrong = append(wrong, &pb.Violation{Field: field, Message: message, Hint: hint})
	}

	parsed := config{algorithm: "sha256"}
	for line := range strings.Lines(given["path"]) {
		if path := strings.TrimSpace(line); path != "" {
			parsed.paths = append(parsed.paths, path)
		}
	}
	if len(parsed.paths) == 0 {
		violate("path", "is required", "write one absolute path per line")
	}
	for _, path := range parsed.paths {
		if !filepath.IsAbs(path) {
			violate("path", executor.Quote(path)+" is not an absolute path", "start it with /")
		}
	}

	if text := given["algorithm"]; text != "" {
		parsed.algorithm = text
	}
	newHash, isKnown := algorithms[parsed.algorithm]
	if !isKnown {
		names := "md5, sha1, sha256, sha512"
		violate("algorithm", executor.Quote(parsed.algorithm)+" is not one of "+names, "")
	}

	parsed.expect = strings.ToLower(given["expect"])
	if parsed.expect != "" && isKnown {
		size := newHash().Size()
		if digest, err := hex.DecodeString(parsed.expect); err != nil || len(digest) != size {
			message := fmt.Sprintf("%s is not a %s digest", executor.Quote(given["expect"]), parsed.algorithm)
			violate("expect", message, fmt.Sprintf("write %d hexadecimal digits", 2*size))
		}
	}
	if parsed.expect != "" && len(parsed.paths) > 1 {
		message := fmt.Sprintf("goes with one path, not %d", len(parsed.paths))
		violate("expect", message, "leave it out, or run one job per file")
	}

	if text := given["maxBytesPerSecond"]; text != "" {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number < 1 {
			message := executor.Quote(text) + " is not a whole number of at least 1"
			violate("maxBytesPerSecond", message, "write decimal digits, or leave it out")
		}
		parsed.maxBytesPerSecond = number
	}

	for key := range given {
		if !slices.Contains(keys, key) {
			violate(key, "is not a known key", "known keys: "+strings.Join(keys, ", "))
		}
	}
	return parsed, wrong
}
