// Package clients tests what the contract promises to clients with grpc-go and the service config that is shipped.
package clients

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // lets the client check the health of gateways
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	groupv1 "github.com/tencent-im-grpc/tencent-im-grpc/gen/go/tencentim/group/v1"
)

var (
	binary        = flag.String("binary", "", "the gateway to test")
	serviceConfig = flag.String("service-config", "../../../deploy/service_config.json", "the service config to test")
	// ran says what the tests did, for the last line.
	ran []string
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 {
		fmt.Println(strings.Join(ran, "; "))
	}
	os.Exit(code)
}

func report(format string, values ...any) { ran = append(ran, fmt.Sprintf(format, values...)) }

// connect makes a client of the gateways that is as the service config wants it.
func connect(t *testing.T, watch *attempts, addresses ...string) *grpc.ClientConn {
	t.Helper()
	config, err := os.ReadFile(*serviceConfig)
	if err != nil {
		t.Fatal(err)
	}
	gateways := manual.NewBuilderWithScheme("gateways")
	var state resolver.State
	for _, address := range addresses {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	gateways.InitialState(state)
	conn, err := grpc.NewClient(
		"gateways:///tencent-im-grpc",
		grpc.WithResolvers(gateways),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(config)),
		grpc.WithStatsHandler(watch),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// createGroup makes an empty group of alice's.
func createGroup(t *testing.T, conn *grpc.ClientConn, groupID string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request := &groupv1.CreateGroupRequest{
		GroupId: groupID, Type: groupv1.GroupType_GROUP_TYPE_PUBLIC, Name: "Demo", OwnerUserId: "alice",
	}
	if _, err := groupv1.NewGroupServiceClient(conn).CreateGroup(ctx, request, grpc.WaitForReady(true)); err != nil {
		t.Fatal(err)
	}
}

func members(groupID, userID string) *groupv1.AddMembersRequest {
	return &groupv1.AddMembersRequest{
		GroupId: groupID, Silent: true, Members: []*groupv1.MemberToAdd{{UserId: userID}},
	}
}

func message(groupID, requestID string) *groupv1.SendMessageRequest {
	text := &groupv1.MessageElement_Text{Text: &groupv1.TextElement{Text: requestID}}
	return &groupv1.SendMessageRequest{
		GroupId: groupID, RequestId: requestID, SenderUserId: "alice",
		Elements: []*groupv1.MessageElement{{Element: text}},
	}
}

func oneMore(groupID string) *groupv1.UpdateCountersRequest {
	return &groupv1.UpdateCountersRequest{
		GroupId: groupID, Counters: map[string]int64{"count": 1},
		Operation: groupv1.CounterOperation_COUNTER_OPERATION_INCREASE,
	}
}
