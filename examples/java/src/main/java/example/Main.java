package example;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.tencentim.group.v1.*;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** A client of the gateway: a group, its members, a message, and what a refused call says. */
public final class Main {
  public static void main(String[] args) throws Exception {
    ManagedChannel channel = connect();
    try {
      story(withKey(channel));
    } finally {
      channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  /** TLS when TENCENT_IM_CA names the certificate to trust, plain text otherwise. */
  private static ManagedChannel connect() throws IOException {
    String address = System.getenv().getOrDefault("TENCENT_IM_ADDR", "127.0.0.1:50051");
    String ca = System.getenv("TENCENT_IM_CA");
    var credentials =
        ca == null || ca.isEmpty()
            ? InsecureChannelCredentials.create()
            : TlsChannelCredentials.newBuilder().trustManager(new File(ca)).build();
    return Grpc.newChannelBuilder(address, credentials).build();
  }

  /** Sends the key of TENCENT_IM_TOKEN with every call. */
  private static Channel withKey(Channel channel) {
    String token = System.getenv("TENCENT_IM_TOKEN");
    if (token == null || token.isEmpty()) {
      return channel;
    }
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
    return ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  private static void story(Channel channel) throws InvalidProtocolBufferException {
    var groups = GroupServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
    String groupId =
        groups
            .createGroup(
                CreateGroupRequest.newBuilder()
                    .setType(GroupType.GROUP_TYPE_PUBLIC)
                    .setName("Example")
                    .setOwnerUserId("alice")
                    .build())
            .getGroupId();
    System.out.println("created a group");
    addMembers(channel, groupId);
    talk(channel, groupId);
    provoke(channel);
    groups.destroyGroup(DestroyGroupRequest.newBuilder().setGroupId(groupId).build());
    System.out.println("destroyed the group");
  }

  private static void addMembers(Channel channel, String groupId) {
    var members = MemberServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
    var request = BatchAddMembersRequest.newBuilder().setGroupId(groupId).setSilent(true);
    IntStream.rangeClosed(1, 120).forEach(i -> request.addUserIds(String.format("user-%03d", i)));
    var results = members.batchAddMembers(request.build()).getResultsList();
    long added =
        results.stream().filter(r -> r.getOutcome() == AddMemberOutcome.ADD_MEMBER_OUTCOME_ADDED).count();
    System.out.printf("added %d of %d members%n", added, results.size());
  }

  private static void talk(Channel channel, String groupId) {
    var messages = MessageServiceGrpc.newBlockingStub(channel);
    var request =
        SendMessageRequest.newBuilder()
            .setGroupId(groupId)
            .setRequestId("hello-1") // the same id within five minutes never makes two messages
            .setSenderUserId("alice")
            .addElements(text("hello"))
            .build();
    for (String format : List.of("sent message %d%n", "sent it again: still message %d%n")) {
      System.out.printf(format, messages.withDeadlineAfter(5, TimeUnit.SECONDS).sendMessage(request).getSeq());
    }

    messages
        .withDeadlineAfter(30, TimeUnit.SECONDS)
        .streamMessages(StreamMessagesRequest.newBuilder().setGroupId(groupId).build())
        .forEachRemaining(
            page -> {
              for (HistoryMessage message : page.getMessagesList()) {
                String words = message.getElements(0).getText().getText();
                System.out.printf(
                    "history: message %d by %s: %s%n", message.getSeq(), message.getSenderUserId(), words);
              }
            });
  }

  /** Makes two calls that are refused: one is wrong, one comes too soon after another. */
  private static void provoke(Channel channel) throws InvalidProtocolBufferException {
    try {
      MessageServiceGrpc.newBlockingStub(channel)
          .sendMessage(SendMessageRequest.newBuilder().addElements(text("")).build());
    } catch (StatusRuntimeException error) {
      explain(error);
    }

    var groups = GroupServiceGrpc.newBlockingStub(channel);
    groups.withDeadlineAfter(30, TimeUnit.SECONDS).listGroupIds(ListGroupIdsRequest.getDefaultInstance());
    // One call a second is allowed; the gateway waits for the next turn, unless the deadline comes first.
    try {
      groups.withDeadlineAfter(500, TimeUnit.MILLISECONDS).listGroupIds(ListGroupIdsRequest.getDefaultInstance());
    } catch (StatusRuntimeException error) {
      explain(error);
    }
  }

  /** Prints what the details of a refused call say: the reason, then what is wrong or when to come again. */
  private static void explain(StatusRuntimeException error) throws InvalidProtocolBufferException {
    String reason = "";
    List<String> lines = new ArrayList<>();
    for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        reason = detail.unpack(ErrorInfo.class).getReason();
      } else if (detail.is(BadRequest.class)) {
        for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
          lines.add("  " + violation.getField() + ": " + violation.getDescription());
        }
      } else if (detail.is(RetryInfo.class)) {
        var delay = detail.unpack(RetryInfo.class).getRetryDelay();
        lines.add("  try again in " + Math.round(delay.getSeconds() + delay.getNanos() / 1e9) + " s");
      }
    }
    System.out.println("refused: " + reason);
    lines.forEach(System.out::println);
  }

  private static MessageElement text(String words) {
    return MessageElement.newBuilder().setText(TextElement.newBuilder().setText(words)).build();
  }
}
