package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// patience is how long a test waits for what must happen at all.
	patience = time.Minute
	appID    = "1400000001"
	// key opens nothing but sandboxes.
	key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

// process is a running child and what it has written to stderr so far.
type process struct {
	command *exec.Cmd
	ended   chan struct{}

	mu      sync.Mutex
	lines   []string
	changed chan struct{}
}

// start runs the binary under test. The process ends with the test at the latest.
func start(t *testing.T, environment []string, arguments ...string) *process {
	t.Helper()
	p := &process{
		command: exec.Command(*binary, arguments...),
		ended:   make(chan struct{}),
		changed: make(chan struct{}),
	}
	p.command.Env = environment
	stderr, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			close(p.changed)
			p.changed = make(chan struct{})
			p.mu.Unlock()
		}
		p.command.Wait()
	}()
	t.Cleanup(func() {
		p.command.Process.Kill()
		<-p.ended
	})
	return p
}

// find returns the first line with the text, if there is one, and what is closed when there are more lines.
func (p *process) find(text string) (string, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if strings.Contains(line, text) {
			return line, nil
		}
	}
	return "", p.changed
}

func (p *process) wrote(text string) bool {
	line, _ := p.find(text)
	return line != ""
}

// await waits for a line with the text.
func (p *process) await(t *testing.T, text string) string {
	t.Helper()
	for deadline := time.After(patience); ; {
		line, more := p.find(text)
		if line != "" {
			return line
		}
		select {
		case <-more:
			continue
		case <-p.ended:
			if p.wrote(text) {
				continue
			}
		case <-deadline:
		}
		t.Fatalf("waited in vain for the line %q of %v:\n%s", text, p.command.Args, strings.Join(p.lines, "\n"))
	}
}

func (p *process) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// awaitEnd waits for the end and returns the exit code.
func (p *process) awaitEnd(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatal("the process did not end")
		return 0
	}
}

// sandbox is an emulated Tencent that gateways can share.
type sandbox struct {
	api, control string
}

func startSandbox(t *testing.T) *sandbox {
	t.Helper()
	p := start(t, nil, "sandbox", "--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0", "--auto-import",
		"--rate-scale", "0", "--limit-group-members", "100000")
	last := func(line string) string { return line[strings.LastIndex(line, " ")+1:] }
	return &sandbox{api: last(p.await(t, " API ")), control: last(p.await(t, " control "))}
}

// fault sets a rule, written as JSON.
func (s *sandbox) fault(t *testing.T, rule string) {
	t.Helper()
	s.ask(t, http.MethodPost, "faults", rule, nil)
}

func (s *sandbox) clearFaults(t *testing.T) {
	t.Helper()
	s.ask(t, http.MethodDelete, "faults", "", nil)
}

// awaitHits waits until the only rule went off so often.
func (s *sandbox) awaitHits(t *testing.T, hits int) {
	t.Helper()
	var rules []struct{ Hits int }
	for deadline := time.Now().Add(patience); len(rules) != 1 || rules[0].Hits < hits; {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for calls")
		}
		s.ask(t, http.MethodGet, "faults", "", &rules)
	}
}

// calls counts the calls of a command for a group, whatever became of them.
func (s *sandbox) calls(t *testing.T, command, groupID string) int {
	t.Helper()
	var answer struct{ Count int }
	query := url.Values{"command": {command}, "key": {"GroupId"}, "value": {groupID}}
	s.ask(t, http.MethodGet, "journal/count?"+query.Encode(), "", &answer)
	return answer.Count
}

// groupState is what the sandbox holds of a group.
type groupState struct {
	ID       string
	Counters map[string]int
	Members  []struct{ ID string }
	History  struct{ Messages []struct{ Body string } }
}

func (s *sandbox) group(t *testing.T, groupID string) groupState {
	t.Helper()
	var snapshot struct {
		Apps []struct{ Groups []groupState }
	}
	s.ask(t, http.MethodGet, "snapshot", "", &snapshot)
	for _, group := range snapshot.Apps[0].Groups {
		if group.ID == groupID {
			return group
		}
	}
	t.Fatalf("there is no group %s", groupID)
	return groupState{}
}

func (s *sandbox) ask(t *testing.T, method, path, body string, answer any) {
	t.Helper()
	request, err := http.NewRequest(method, s.control+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("content-type", "application/json")
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, reply.StatusCode, text, err)
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			t.Fatal(err)
		}
	}
}

// gateway is a serving gateway in front of a sandbox.
type gateway struct {
	*process
	address string
	flags   []string
}

func (s *sandbox) startGateway(t *testing.T, flags ...string) *gateway {
	t.Helper()
	flags = append(flags, "--base-urls", s.api, "--sdk-app-id", appID, "--upstream-pacing=false",
		"--admin-listen", "off", "--log-format", "json")
	g := &gateway{address: "127.0.0.1:0", flags: flags}
	g.restart(t)
	return g
}

// restart starts it anew, where it listened before.
func (g *gateway) restart(t *testing.T) {
	t.Helper()
	arguments := append([]string{"serve", "--listen", g.address}, g.flags...)
	g.process = start(t, []string{"TIM_SECRET_KEY=" + key}, arguments...)
	var line struct{ Address string }
	if err := json.Unmarshal([]byte(g.await(t, `"message":"serving"`)), &line); err != nil {
		t.Fatal(err)
	}
	g.address = line.Address
}
