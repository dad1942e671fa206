package clients

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/stats"
)

// attempts watches what a client does below its calls: each attempt, and the gateway that it went to.
type attempts struct {
	mu      sync.Mutex
	changed chan struct{}

	// begun counts attempts by method, without those that never left the client.
	begun map[string]int
	// inFlight counts attempts that were sent and not answered, by address.
	inFlight map[string]int
	// answered counts successes by address.
	answered map[string]int
	// latest is the address of the last success, and streak how many in a row came from there.
	latest string
	streak int
	// pauses between a failure that says when to come again and the next attempt, beside what was asked for.
	pauses []pause
	asked  map[string]pushback
}

type pause struct{ asked, kept time.Duration }

type pushback struct {
	delay time.Duration
	came  time.Time
}

type attempt struct{ method, address string }

type attemptKey struct{}

func newAttempts() *attempts {
	return &attempts{
		changed:  make(chan struct{}),
		begun:    map[string]int{},
		inFlight: map[string]int{},
		answered: map[string]int{},
		asked:    map[string]pushback{},
	}
}

// TagRPC begins an attempt.
func (a *attempts) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, attemptKey{}, &attempt{method: info.FullMethodName})
}

// HandleRPC follows it.
func (a *attempts) HandleRPC(ctx context.Context, event stats.RPCStats) {
	at, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return // the health check
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch event := event.(type) {
	case *stats.Begin:
		if !event.IsTransparentRetryAttempt {
			a.begun[at.method]++
		}
		if asked, ok := a.asked[at.method]; ok {
			a.pauses = append(a.pauses, pause{asked.delay, event.BeginTime.Sub(asked.came)})
			delete(a.asked, at.method)
		}
	case *stats.OutHeader:
		at.address = event.RemoteAddr.String()
		a.inFlight[at.address]++
	case *stats.InTrailer:
		if values := event.Trailer.Get("grpc-retry-pushback-ms"); len(values) == 1 {
			if millis, err := strconv.Atoi(values[0]); err == nil {
				a.asked[at.method] = pushback{time.Duration(millis) * time.Millisecond, time.Now()}
			}
		}
	case *stats.End:
		a.end(at, event.Error)
	}
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *attempts) end(at *attempt, err error) {
	if at.address != "" {
		a.inFlight[at.address]--
	}
	if err != nil {
		return
	}
	a.answered[at.address]++
	if at.address != a.latest {
		a.latest, a.streak = at.address, 0
	}
	a.streak++
}

// TagConn is of no interest here.
func (a *attempts) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn is of no interest here.
func (a *attempts) HandleConn(context.Context, stats.ConnStats) {}

// await waits until the condition, which may look at everything, holds.
func (a *attempts) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.After(patience); ; {
		a.mu.Lock()
		held, changed := holds(), a.changed
		a.mu.Unlock()
		if held {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// awaitAnswers waits until a gateway has answered some calls more.
func (a *attempts) awaitAnswers(t *testing.T, address string, more int) {
	t.Helper()
	a.mu.Lock()
	enough := a.answered[address] + more
	a.mu.Unlock()
	a.await(t, "answers of "+address, func() bool { return a.answered[address] >= enough })
}

func (a *attempts) of(method string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.begun[method]
}

func (a *attempts) total() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := 0
	for _, begun := range a.begun {
		sum += begun
	}
	return sum
}
