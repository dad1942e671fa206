// A client of the gateway: a group, its members, a message, and what a refused call says.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	groupv1 "github.com/tencent-im-grpc/tencent-im-grpc/gen/go/tencentim/group/v1"
)

func main() {
	conn, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if err := story(withKey(context.Background()), conn); err != nil {
		log.Fatal(err)
	}
}

// connect speaks TLS when TENCENT_IM_CA names the certificate to trust, and plain text otherwise.
func connect() (*grpc.ClientConn, error) {
	address := os.Getenv("TENCENT_IM_ADDR")
	if address == "" {
		address = "127.0.0.1:50051"
	}
	transport := insecure.NewCredentials()
	if ca := os.Getenv("TENCENT_IM_CA"); ca != "" {
		var err error
		if transport, err = credentials.NewClientTLSFromFile(ca, ""); err != nil {
			return nil, err
		}
	}
	return grpc.NewClient(address, grpc.WithTransportCredentials(transport))
}

// withKey sends the key of TENCENT_IM_TOKEN with every call.
func withKey(ctx context.Context) context.Context {
	if token := os.Getenv("TENCENT_IM_TOKEN"); token != "" {
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return ctx
}

func story(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	groups := groupv1.NewGroupServiceClient(conn)

	group, err := groups.CreateGroup(ctx, &groupv1.CreateGroupRequest{
		Type:        groupv1.GroupType_GROUP_TYPE_PUBLIC,
		Name:        "Example",
		OwnerUserId: "alice",
	})
	if err != nil {
		return err
	}
	fmt.Println("created a group")

	if err := addMembers(ctx, conn, group.GroupId); err != nil {
		return err
	}
	if err := talk(ctx, conn, group.GroupId); err != nil {
		return err
	}
	if err := provoke(ctx, conn); err != nil {
		return err
	}

	if _, err := groups.DestroyGroup(ctx, &groupv1.DestroyGroupRequest{GroupId: group.GroupId}); err != nil {
		return err
	}
	fmt.Println("destroyed the group")
	return nil
}

func addMembers(ctx context.Context, conn *grpc.ClientConn, groupID string) error {
	request := &groupv1.BatchAddMembersRequest{GroupId: groupID, Silent: true}
	for i := 1; i <= 120; i++ {
		request.UserIds = append(request.UserIds, fmt.Sprintf("user-%03d", i))
	}
	reply, err := groupv1.NewMemberServiceClient(conn).BatchAddMembers(ctx, request)
	if err != nil {
		return err
	}
	added := 0
	for _, result := range reply.Results {
		if result.Outcome == groupv1.AddMemberOutcome_ADD_MEMBER_OUTCOME_ADDED {
			added++
		}
	}
	fmt.Printf("added %d of %d members\n", added, len(reply.Results))
	return nil
}

func talk(ctx context.Context, conn *grpc.ClientConn, groupID string) error {
	messages := groupv1.NewMessageServiceClient(conn)
	request := &groupv1.SendMessageRequest{
		GroupId:      groupID,
		RequestId:    "hello-1", // the same id within five minutes never makes two messages
		SenderUserId: "alice",
		Elements:     []*groupv1.MessageElement{text("hello")},
	}
	for _, format := range []string{"sent message %d\n", "sent it again: still message %d\n"} {
		deadline, cancel := context.WithTimeout(ctx, 5*time.Second)
		sent, err := messages.SendMessage(deadline, request)
		cancel()
		if err != nil {
			return err
		}
		fmt.Printf(format, sent.Seq)
	}

	stream, err := messages.StreamMessages(ctx, &groupv1.StreamMessagesRequest{GroupId: groupID})
	if err != nil {
		return err
	}
	for {
		page, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, message := range page.Messages {
			words := message.Elements[0].GetText().GetText()
			fmt.Printf("history: message %d by %s: %s\n", message.Seq, message.SenderUserId, words)
		}
	}
}

// provoke makes two calls that are refused: one is wrong, one comes too soon after another.
func provoke(ctx context.Context, conn *grpc.ClientConn) error {
	wrong := &groupv1.SendMessageRequest{Elements: []*groupv1.MessageElement{text("")}}
	_, err := groupv1.NewMessageServiceClient(conn).SendMessage(ctx, wrong)
	explain(err)

	groups := groupv1.NewGroupServiceClient(conn)
	if _, err := groups.ListGroupIds(ctx, &groupv1.ListGroupIdsRequest{}); err != nil {
		return err
	}
	// One call a second is allowed; the gateway waits for the next turn, unless the deadline comes first.
	impatient, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	_, err = groups.ListGroupIds(impatient, &groupv1.ListGroupIdsRequest{})
	explain(err)
	return nil
}

// explain prints what the details of a refused call say: the reason, then what is wrong or when to come again.
func explain(err error) {
	var reason string
	var lines []string
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = detail.Reason
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				lines = append(lines, fmt.Sprintf("  %s: %s", violation.Field, violation.Description))
			}
		case *errdetails.RetryInfo:
			seconds := math.Round(detail.RetryDelay.AsDuration().Seconds())
			lines = append(lines, fmt.Sprintf("  try again in %.0f s", seconds))
		}
	}
	fmt.Println("refused:", reason)
	for _, line := range lines {
		fmt.Println(line)
	}
}

func text(words string) *groupv1.MessageElement {
	return &groupv1.MessageElement{Element: &groupv1.MessageElement_Text{Text: &groupv1.TextElement{Text: words}}}
}
