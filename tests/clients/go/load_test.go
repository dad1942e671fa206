package clients

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	groupv1 "github.com/tencent-im-grpc/tencent-im-grpc/gen/go/tencentim/group/v1"
)

// workersOfAKind is how many workers make calls of each kind, one after the other.
const workersOfAKind = 4

// load makes reads and writes without a pause, and remembers what the client was told of them.
type load struct {
	conn    *grpc.ClientConn
	groupID string
	stop    chan struct{}
	workers sync.WaitGroup

	mu sync.Mutex
	// reads is how many were answered, added and sent what was, and counted how often.
	reads   int
	added   []string
	sent    []string
	counted int
	// repeated messages were cut off and sent once more with the same request id. Cut off counts may have been executed
	// or not, and must not be repeated.
	repeated  int
	uncertain int
}

func startLoad(t *testing.T, conn *grpc.ClientConn, groupID string) *load {
	l := &load{conn: conn, groupID: groupID, stop: make(chan struct{})}
	for number, work := range []func(context.Context, string) error{l.read, l.add, l.send, l.count} {
		for worker := range workersOfAKind {
			l.workers.Go(func() { l.work(t, fmt.Sprintf("%d-%d", number, worker), work) })
		}
	}
	return l
}

func (l *load) work(t *testing.T, name string, work func(context.Context, string) error) {
	for turn := 0; ; turn++ {
		select {
		case <-l.stop:
			return
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := work(ctx, fmt.Sprintf("%s-%d", name, turn))
		cancel()
		if err != nil {
			t.Errorf("a call failed: %v", err)
			return
		}
	}
}

func (l *load) end() {
	close(l.stop)
	l.workers.Wait()
}

func (l *load) calls() int {
	return l.reads + len(l.added) + len(l.sent) + l.counted + l.uncertain
}

func (l *load) cutOff() (repeated, uncertain int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.repeated, l.uncertain
}

// note changes what is remembered.
func (l *load) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *load) read(ctx context.Context, _ string) error {
	request := &groupv1.GetCountersRequest{GroupId: l.groupID}
	if _, err := groupv1.NewCounterServiceClient(l.conn).GetCounters(ctx, request); err != nil {
		return err
	}
	l.note(func() { l.reads++ })
	return nil
}

func (l *load) add(ctx context.Context, id string) error {
	reply, err := groupv1.NewMemberServiceClient(l.conn).AddMembers(ctx, members(l.groupID, id))
	if err != nil {
		return err
	}
	switch outcome := reply.Results[0].Outcome; outcome {
	case groupv1.AddMemberOutcome_ADD_MEMBER_OUTCOME_ADDED,
		groupv1.AddMemberOutcome_ADD_MEMBER_OUTCOME_ALREADY_MEMBER: // by an attempt whose reply was cut off
		l.note(func() { l.added = append(l.added, id) })
		return nil
	default:
		return fmt.Errorf("adding %s: %v", id, outcome)
	}
}

// send does what the contract tells callers: repeat a message with its request id.
func (l *load) send(ctx context.Context, id string) error {
	messages := groupv1.NewMessageServiceClient(l.conn)
	_, err := messages.SendMessage(ctx, message(l.groupID, id))
	if status.Code(err) == codes.Unavailable {
		l.note(func() { l.repeated++ })
		_, err = messages.SendMessage(ctx, message(l.groupID, id))
	}
	if err != nil {
		return err
	}
	l.note(func() { l.sent = append(l.sent, id) })
	return nil
}

func (l *load) count(ctx context.Context, _ string) error {
	_, err := groupv1.NewCounterServiceClient(l.conn).UpdateCounters(ctx, oneMore(l.groupID))
	if status.Code(err) == codes.Unavailable {
		l.note(func() { l.uncertain++ })
		return nil
	}
	if err != nil {
		return err
	}
	l.note(func() { l.counted++ })
	return nil
}
