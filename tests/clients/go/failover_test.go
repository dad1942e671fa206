package clients

import (
	"encoding/json"
	"slices"
	"syscall"
	"testing"

	groupv1 "github.com/tencent-im-grpc/tencent-im-grpc/gen/go/tencentim/group/v1"
)

// some answers of a gateway show that it takes part.
const some = 50

// Two gateways share one sandbox. Under load one is drained and started anew, then the other freezes, is killed in the middle of
// calls and started anew. What the client was told is what happened.
func TestNoCallFailsWhileGatewaysComeAndGo(t *testing.T) {
	box := startSandbox(t)
	first, second := box.startGateway(t), box.startGateway(t)
	watch := newAttempts()
	conn := connect(t, watch, first.address, second.address)
	createGroup(t, conn, "load")
	box.fault(t, `{"command": "*", "action": {"type": "latency", "ms": 20}}`)
	load := startLoad(t, conn, "load")
	watch.awaitAnswers(t, first.address, some)
	watch.awaitAnswers(t, second.address, some)

	drain(t, watch, first, second)
	if repeated, uncertain := load.cutOff(); repeated+uncertain != 0 {
		t.Errorf("the drain cut off %d messages and %d counts", repeated, uncertain)
	}
	first.restart(t)
	watch.awaitAnswers(t, first.address, some)

	// Once a gateway has begun to answer, nobody but the caller could repeat: freeze it when all calls wait for Tencent.
	// Everything that goes to it then stays there, until each worker waits for it.
	box.clearFaults(t)
	box.fault(t, `{"command": "*", "action": {"type": "latency", "ms": 2000}}`)
	box.awaitHits(t, 4*workersOfAKind)
	second.signal(t, syscall.SIGSTOP)
	box.clearFaults(t)
	watch.await(t, "calls in the frozen gateway", func() bool { return watch.inFlight[second.address] == 4*workersOfAKind })
	second.signal(t, syscall.SIGKILL)
	second.awaitEnd(t)
	watch.awaitAnswers(t, first.address, some)
	second.restart(t)
	watch.awaitAnswers(t, second.address, some)
	load.end()

	// Reads and idempotent writes were repeated by the client, messages by the caller. Counts could not be.
	for what, calls := range map[string]int{
		"repeated by the client": retries(load, watch) - 2*workersOfAKind,
		"repeated by the caller": load.repeated - workersOfAKind,
		"uncertain counts":       load.uncertain - workersOfAKind,
	} {
		if calls != 0 {
			t.Errorf("%s: %d more than expected", what, calls)
		}
	}
	executed := compare(t, box, load)
	report("two gateways, drained and killed: %d calls, 0 failed in the drain, %d retried, %d messages repeated and "+
		"%d counts uncertain (%d executed) after the kill", load.calls(), retries(load, watch), load.repeated,
		load.uncertain, executed)
}

// drain ends a gateway in good order. Calls leave it as soon as it says NOT_SERVING, not only when its connections close.
func drain(t *testing.T, watch *attempts, leaving, staying *gateway) {
	t.Helper()
	leaving.signal(t, syscall.SIGTERM)
	leaving.await(t, "not serving any more")
	watch.await(t, "calls leave the gateway", func() bool {
		return watch.latest == staying.address && watch.streak >= some && watch.inFlight[leaving.address] == 0
	})
	if leaving.wrote(`"message":"draining"`) {
		t.Error("calls went on to a gateway that says NOT_SERVING")
	}
	if code := leaving.awaitEnd(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if leaving.wrote("did not end in time") {
		t.Error("the client's connection held up the end")
	}
}

// retries of the calls that a client may repeat.
func retries(load *load, watch *attempts) int {
	load.mu.Lock()
	defer load.mu.Unlock()
	answered := load.reads + len(load.added)
	begun := watch.of(groupv1.CounterService_GetCounters_FullMethodName) +
		watch.of(groupv1.MemberService_AddMembers_FullMethodName)
	return begun - answered
}

// compare holds the sandbox's state against what the client was told, and returns how many uncertain counts were executed.
func compare(t *testing.T, box *sandbox, load *load) int {
	t.Helper()
	group := box.group(t, load.groupID)
	var added, sent []string
	for _, member := range group.Members {
		if member.ID != "alice" {
			added = append(added, member.ID)
		}
	}
	for _, stored := range group.History.Messages {
		var elements []struct{ MsgContent struct{ Text string } }
		if err := json.Unmarshal([]byte(stored.Body), &elements); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, elements[0].MsgContent.Text)
	}
	for what, lists := range map[string][2][]string{"members": {load.added, added}, "messages": {load.sent, sent}} {
		told, there := lists[0], lists[1]
		slices.Sort(told)
		slices.Sort(there)
		if !slices.Equal(told, there) {
			t.Errorf("%s: the client was told of %d, the sandbox has %d", what, len(told), len(there))
		}
	}
	executed := group.Counters["count"] - load.counted
	if executed < 0 || executed > load.uncertain {
		t.Errorf("counted %d times, but the client was told %d, uncertain %d", group.Counters["count"], load.counted, load.uncertain)
	}
	return executed
}
