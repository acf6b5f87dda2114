package main

import (
	"bytes"
	"errors"
	"log"
	"os"
	"slices"
	"strconv"
	"time"

	"executor-host.test/interop/dkron/contract"
)

// job is one execution, with what its behaviour needs of it.
type job struct {
	*contract.ExecuteRequest
	helper contract.StatusHelper
}

// behaviours by the value of the key "do".
var behaviours = map[string]func(*job) ([]byte, error){
	"":         func(*job) ([]byte, error) { return nil, nil },
	"tell":     tell,
	"stream":   stream,
	"overtake": overtake,
	"repeat":   repeat,
	"progress": progress,
	"hang":     hang,
	"panic":    func(*job) ([]byte, error) { panic("on purpose") },
	"log":      logAndPrint,
}

// tell answers with the job's name and the text, and with the error.
func tell(j *job) ([]byte, error) {
	return []byte("job " + j.JobName + ": " + j.Config["text"]), j.failure()
}

// stream sends both channels as they come, waits for the file of the key "until" if there is one, and answers as Dkron's shell executor does:
// with everything once more, and a remark behind it.
func stream(j *job) ([]byte, error) {
	j.helper.Update([]byte("out\n"), false)
	j.helper.Update([]byte("err\n"), true)
	if err := waitFor(j.Config["until"]); err != nil {
		return nil, err
	}
	return []byte("out\nerr\n" + j.Config["text"]), j.failure()
}

// overtake streams both channels and answers with the pieces in another order, as Dkron's shell executor does when a job writes to both at once.
func overtake(j *job) ([]byte, error) {
	out, err := bytes.Repeat([]byte("out\n"), 5_000), bytes.Repeat([]byte("err\n"), 5_000)
	j.helper.Update(out, false)
	j.helper.Update(err, true)
	return slices.Concat(err, out, []byte(j.Config["text"])), j.failure()
}

// repeat makes as many bytes as the key "bytes" says, sends them in pieces of "piece" bytes, and answers with the last "kept" of them, the remark
// in "text" included.
func repeat(j *job) ([]byte, error) {
	piece := j.number("piece", 32*1024)
	var all []byte
	for at := 0; at < j.number("bytes", 0); at += piece {
		data := pattern(at, min(piece, j.number("bytes", 0)-at))
		j.helper.Update(data, false)
		all = append(all, data...)
	}
	all = append(all, j.Config["text"]...)
	kept := min(j.number("kept", len(all)), len(all))
	return all[len(all)-kept:], j.failure()
}

// progress streams what the answer does not repeat.
func progress(j *job) ([]byte, error) {
	for percent := 0; percent <= 100; percent += 10 {
		j.helper.Update([]byte(strconv.Itoa(percent)+" %\n"), true)
	}
	return []byte(j.Config["text"]), j.failure()
}

// hang streams its process id and never returns.
func hang(j *job) ([]byte, error) {
	j.helper.Update([]byte(strconv.Itoa(os.Getpid())+"\n"), false)
	select {}
}

// logAndPrint says something in every way a process can outside of the contract.
func logAndPrint(j *job) ([]byte, error) {
	log.Print("logged ", j.Config["text"])
	os.Stdout.WriteString("printed " + j.Config["text"] + "\n")
	return nil, j.failure()
}

func (j *job) failure() error {
	if text := j.Config["fail"]; text != "" {
		return errors.New(text)
	}
	return nil
}

func (j *job) number(key string, otherwise int) int {
	if text, given := j.Config[key]; given {
		number, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		return number
	}
	return otherwise
}

// pattern is bytes of every value, of which no two stretches of the same length look alike for long.
func pattern(from, length int) []byte {
	data := bytes.Repeat([]byte{0}, length)
	for index := range data {
		at := uint32(from + index)
		data[index] = byte((at*2654435761)>>24) ^ byte(at)
	}
	return data
}

func waitFor(path string) error {
	if path == "" {
		return nil
	}
	for range 6_000 {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("waited a minute for " + path)
}
