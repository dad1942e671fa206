package clients;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import com.tencentim.group.v1.*;
import io.grpc.EquivalentAddressGroup;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.StatusOr;
import io.grpc.stub.AbstractStub;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A client of some gateways that is as the shipped service config wants it. */
final class Client implements AutoCloseable {
  static {
    NameResolverRegistry.getDefaultRegistry().register(new Addresses());
  }

  final Attempts attempts = new Attempts();
  private final ManagedChannel channel;

  Client(String... addresses) throws IOException {
    String config = Files.readString(Path.of(System.getProperty("serviceConfig")));
    channel =
        Grpc.newChannelBuilder("gateways:///" + String.join(",", addresses), InsecureChannelCredentials.create())
            .overrideAuthority("tencent-im-grpc")
            .defaultServiceConfig(new Gson().fromJson(config, new TypeToken<Map<String, Object>>() {}.getType()))
            .enableRetry()
            .intercept(attempts)
            .build();
  }

  private static <S extends AbstractStub<S>> S patient(S stub) {
    return stub.withDeadlineAfter(Patience.SECONDS, TimeUnit.SECONDS);
  }

  /** Makes an empty group of alice's. */
  void createGroup(String groupId) {
    patient(GroupServiceGrpc.newBlockingStub(channel))
        .withWaitForReady()
        .createGroup(
            CreateGroupRequest.newBuilder()
                .setGroupId(groupId)
                .setType(GroupType.GROUP_TYPE_PUBLIC)
                .setName("Demo")
                .setOwnerUserId("alice")
                .build());
  }

  void destroyGroup(String groupId) {
    patient(GroupServiceGrpc.newBlockingStub(channel))
        .destroyGroup(DestroyGroupRequest.newBuilder().setGroupId(groupId).build());
  }

  /** Reads. */
  void getCounters(String groupId) {
    patient(CounterServiceGrpc.newBlockingStub(channel))
        .getCounters(GetCountersRequest.newBuilder().setGroupId(groupId).build());
  }

  /** Writes what may be written twice. */
  AddMemberOutcome addMember(String groupId, String userId) {
    return patient(MemberServiceGrpc.newBlockingStub(channel))
        .addMembers(
            AddMembersRequest.newBuilder()
                .setGroupId(groupId)
                .setSilent(true)
                .addMembers(MemberToAdd.newBuilder().setUserId(userId))
                .build())
        .getResults(0)
        .getOutcome();
  }

  /** Writes what the caller may repeat within five minutes. */
  void sendMessage(String groupId, String requestId) {
    patient(MessageServiceGrpc.newBlockingStub(channel))
        .sendMessage(
            SendMessageRequest.newBuilder()
                .setGroupId(groupId)
                .setRequestId(requestId)
                .setSenderUserId("alice")
                .addElements(MessageElement.newBuilder().setText(TextElement.newBuilder().setText(requestId)))
                .build());
  }

  /** Writes what nobody may repeat. */
  void count(String groupId) {
    patient(CounterServiceGrpc.newBlockingStub(channel))
        .updateCounters(
            UpdateCountersRequest.newBuilder()
                .setGroupId(groupId)
                .putCounters("count", 1)
                .setOperation(CounterOperation.COUNTER_OPERATION_INCREASE)
                .build());
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }

  /** Resolves {@code gateways:///ADDRESS,ADDRESS} to these addresses. */
  private static final class Addresses extends NameResolverProvider {
    @Override
    public NameResolver newNameResolver(URI target, NameResolver.Args args) {
      List<EquivalentAddressGroup> addresses =
          Arrays.stream(target.getPath().substring(1).split(","))
              .map(address -> address.split(":"))
              .map(parts -> new InetSocketAddress(parts[0], Integer.parseInt(parts[1])))
              .map(EquivalentAddressGroup::new)
              .toList();
      return new NameResolver() {
        @Override
        public void start(Listener2 listener) {
          listener.onResult(ResolutionResult.newBuilder().setAddressesOrError(StatusOr.fromValue(addresses)).build());
        }

        @Override
        public String getServiceAuthority() {
          return "tencent-im-grpc";
        }

        @Override
        public void shutdown() {}
      };
    }

    @Override
    public String getDefaultScheme() {
      return "gateways";
    }

    @Override
    protected boolean isAvailable() {
      return true;
    }

    @Override
    protected int priority() {
      return 1;
    }
  }
}
