package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	groupv1 "github.com/tencent-im-grpc/tencent-im-grpc/gen/go/tencentim/group/v1"
)

const (
	// lost: something on the way answers in place of Tencent. Whether the call was executed nobody knows.
	lost = `{"type": "http", "status": 503}`
	// refused: Tencent could not check the gateway's account in time. Nothing was executed.
	refused = `{"type": "error", "code": 60014}`
	// throttled: Tencent had too many calls of the command. Nothing was executed.
	throttled = `{"type": "error", "code": 60007}`
)

type call func(ctx context.Context, conn *grpc.ClientConn, groupID string) error

func getCounters(ctx context.Context, conn *grpc.ClientConn, groupID string) error {
	_, err := groupv1.NewCounterServiceClient(conn).GetCounters(ctx, &groupv1.GetCountersRequest{GroupId: groupID})
	return err
}

func streamMembers(ctx context.Context, conn *grpc.ClientConn, groupID string) error {
	request := &groupv1.StreamMembersRequest{GroupId: groupID}
	stream, err := groupv1.NewMemberServiceClient(conn).StreamMembers(ctx, request)
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func addMember(ctx context.Context, conn *grpc.ClientConn, groupID string) error {
	_, err := groupv1.NewMemberServiceClient(conn).AddMembers(ctx, members(groupID, "bob"))
	return err
}

func sendMessage(ctx context.Context, conn *grpc.ClientConn, groupID string) error {
	_, err := groupv1.NewMessageServiceClient(conn).SendMessage(ctx, message(groupID, "hello"))
	return err
}

func updateCounters(ctx context.Context, conn *grpc.ClientConn, groupID string) error {
	_, err := groupv1.NewCounterServiceClient(conn).UpdateCounters(ctx, oneMore(groupID))
	return err
}

func destroyGroup(ctx context.Context, conn *grpc.ClientConn, groupID string) error {
	_, err := groupv1.NewGroupServiceClient(conn).DestroyGroup(ctx, &groupv1.DestroyGroupRequest{GroupId: groupID})
	return err
}

// Two calls of a command fail, and the gateway itself repeats nothing. The journal tells how often the client called.
func TestClientsRepeatWhatMayBeRepeated(t *testing.T) {
	box := startSandbox(t)
	gateway := box.startGateway(t, "--upstream-max-attempts", "1")
	cases := []struct {
		name    string
		call    call
		command string
		fault   string
		code    codes.Code
		// Attempts of the client, and calls of Tencent.
		attempts, calls int
	}{
		{"a read", getCounters, "get_group_counter", lost, codes.OK, 3, 3},
		{"a stream, which the gateway itself repeats", streamMembers, "get_group_member_info", lost, codes.OK, 1, 3},
		{"a read over the quota", getCounters, "get_group_counter", throttled, codes.ResourceExhausted, 1, 1},
		{"an idempotent write", addMember, "add_group_member", refused, codes.OK, 3, 3},
		{"another", destroyGroup, "destroy_group", refused, codes.OK, 3, 3},
		{"an idempotent write that may be done", addMember, "add_group_member", lost, codes.Unknown, 1, 1},
		{"a message", sendMessage, "send_group_msg", refused, codes.Unavailable, 1, 1},
		{"a message that may be sent", sendMessage, "send_group_msg", lost, codes.Unknown, 1, 1},
		{"a message over the quota", sendMessage, "send_group_msg", throttled, codes.ResourceExhausted, 1, 1},
		{"a count", updateCounters, "update_group_counter", refused, codes.Unavailable, 1, 1},
		{"a count that may be done", updateCounters, "update_group_counter", lost, codes.Unknown, 1, 1},
	}
	calls := 0
	for number, at := range cases {
		t.Run(at.name, func(t *testing.T) {
			watch := newAttempts()
			conn := connect(t, watch, gateway.address)
			groupID := fmt.Sprintf("retries-%d", number)
			createGroup(t, conn, groupID)
			box.fault(t, fmt.Sprintf(`{"command": %q, "times": 2, "action": %s}`, at.command, at.fault))
			defer box.clearFaults(t)

			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := at.call(ctx, conn, groupID)
			if code := status.Code(err); code != at.code {
				t.Errorf("%v, expected %v: %v", code, at.code, err)
			}
			made := box.calls(t, at.command, groupID)
			if made != at.calls {
				t.Errorf("%d calls, expected %d", made, at.calls)
			}
			// The first is that of CreateGroup.
			if attempts := watch.total() - 1; attempts != at.attempts {
				t.Errorf("%d attempts of the client, expected %d", attempts, at.attempts)
			}
			// Whoever repeats keeps the pause that the gateway asked for, which is longer than the config's.
			for _, pause := range watch.pauses {
				if pause.kept < pause.asked {
					t.Errorf("repeated after %v, asked to wait for %v", pause.kept, pause.asked)
				}
			}
			if at.code == codes.ResourceExhausted {
				expectDelay(t, err, watch)
			}
			calls += made
		})
	}
	report("%d faults, %d calls upstream", len(cases), calls)
}

// expectDelay looks for the same delay in the details and in the trailer.
func expectDelay(t *testing.T, err error, watch *attempts) {
	t.Helper()
	for _, detail := range status.Convert(err).Details() {
		info, ok := detail.(*errdetails.RetryInfo)
		if !ok {
			continue
		}
		for _, asked := range watch.asked {
			if asked.delay == 0 || asked.delay != info.RetryDelay.AsDuration() {
				t.Errorf("details say %v, the trailer %v", info.RetryDelay.AsDuration(), asked.delay)
			}
			return
		}
	}
	t.Error("nobody says when to come again")
}

// While everything fails, a client repeats until half of its 100 tokens are spent, one for each failure, and no more.
func TestClientsDoNotMakeAnOutageWorse(t *testing.T) {
	const calls = 120
	box := startSandbox(t)
	gateway := box.startGateway(t, "--upstream-max-attempts", "1")
	watch := newAttempts()
	conn := connect(t, watch, gateway.address)
	createGroup(t, conn, "outage")
	box.fault(t, `{"command": "get_group_counter", "action": `+lost+`}`)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			if code := status.Code(getCounters(ctx, conn, "outage")); code != codes.Unavailable {
				t.Errorf("%v, expected Unavailable", code)
			}
		})
	}
	all.Wait()
	retries := watch.of(groupv1.CounterService_GetCounters_FullMethodName) - calls
	if retries < 1 || retries > 50 {
		t.Errorf("%d retries, expected 1 to 50", retries)
	}
	report("outage: %d calls, %d retries", calls, retries)
}
