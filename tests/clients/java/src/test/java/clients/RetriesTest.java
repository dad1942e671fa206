package clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tencentim.group.v1.*;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.Status.Code;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

/** What a client repeats when the gateway itself repeats nothing. The journal tells how often the client called. */
class RetriesTest {
  /** Something on the way answers in place of Tencent. Whether the call was executed nobody knows. */
  private static final String LOST = "{\"type\": \"http\", \"status\": 503}";

  /** Tencent could not check the gateway's account in time. Nothing was executed. */
  private static final String REFUSED = "{\"type\": \"error\", \"code\": 60014}";

  /** Tencent had too many calls of the command. Nothing was executed. */
  private static final String THROTTLED = "{\"type\": \"error\", \"code\": 60007}";

  private static final Kind READ =
      new Kind("get_group_counter", CounterServiceGrpc.getGetCountersMethod(), Client::getCounters);
  private static final Kind ADD =
      new Kind(
          "add_group_member",
          MemberServiceGrpc.getAddMembersMethod(),
          (client, groupId) -> client.addMember(groupId, "bob"));
  private static final Kind DESTROY =
      new Kind("destroy_group", GroupServiceGrpc.getDestroyGroupMethod(), Client::destroyGroup);
  private static final Kind SEND =
      new Kind(
          "send_group_msg",
          MessageServiceGrpc.getSendMessageMethod(),
          (client, groupId) -> client.sendMessage(groupId, "hello"));
  private static final Kind COUNT =
      new Kind("update_group_counter", CounterServiceGrpc.getUpdateCountersMethod(), Client::count);

  private static final List<Case> CASES =
      List.of(
          new Case(READ, LOST, Code.OK, 3),
          // Where a policy lets it repeat at all, grpc-java repeats whatever says when, over any code of the policy.
          new Case(READ, THROTTLED, Code.OK, 3),
          new Case(ADD, REFUSED, Code.OK, 3),
          new Case(DESTROY, REFUSED, Code.OK, 3),
          new Case(ADD, LOST, Code.UNKNOWN, 1),
          new Case(SEND, REFUSED, Code.UNAVAILABLE, 1),
          new Case(SEND, LOST, Code.UNKNOWN, 1),
          new Case(SEND, THROTTLED, Code.RESOURCE_EXHAUSTED, 1),
          new Case(COUNT, REFUSED, Code.UNAVAILABLE, 1),
          new Case(COUNT, LOST, Code.UNKNOWN, 1));

  private record Kind(String command, MethodDescriptor<?, ?> method, BiConsumer<Client, String> call) {}

  private record Case(Kind kind, String fault, Code code, int calls) {
    @Override
    public String toString() {
      return kind.command() + " with " + fault;
    }
  }

  /** Two calls of a command fail. */
  @Test
  void clientsRepeatWhatMayBeRepeated() throws Exception {
    int calls = 0;
    try (Sandbox sandbox = new Sandbox();
        Gateway gateway = new Gateway(sandbox, "--upstream-max-attempts", "1")) {
      for (Case at : CASES) {
        check(sandbox, gateway, at, "retries-" + calls);
        calls += at.calls();
      }
    }
    Report.add("%d faults, %d calls upstream", CASES.size(), calls);
  }

  /** While everything fails, a client repeats until half of its 100 tokens are spent, one for each failure, and no more. */
  @Test
  void clientsDoNotMakeAnOutageWorse() throws Exception {
    int calls = 120;
    ExecutorService threads = Executors.newFixedThreadPool(calls);
    try (Sandbox sandbox = new Sandbox();
        Gateway gateway = new Gateway(sandbox, "--upstream-max-attempts", "1");
        Client client = new Client(gateway.address())) {
      client.createGroup("outage");
      sandbox.fault(String.format("{\"command\": \"%s\", \"action\": %s}", READ.command(), LOST));
      Callable<Code> call = () -> outcome(client, READ, "outage").getCode();
      for (Future<Code> code : threads.invokeAll(Collections.nCopies(calls, call))) {
        assertEquals(Code.UNAVAILABLE, code.get());
      }
      int made = sandbox.calls(READ.command(), "outage");
      assertEquals(client.attempts.of(READ.method()), made, "attempts and calls upstream");
      int retries = made - calls;
      assertTrue(retries >= 1 && retries <= 50, () -> retries + " retries, expected 1 to 50");
      Report.add("outage: %d calls, %d retries", calls, retries);
    } finally {
      threads.shutdownNow();
    }
  }

  private static Status outcome(Client client, Kind kind, String groupId) {
    try {
      kind.call().accept(client, groupId);
      return Status.OK;
    } catch (RuntimeException error) {
      return Status.fromThrowable(error);
    }
  }

  private static void check(Sandbox sandbox, Gateway gateway, Case at, String groupId)
      throws IOException, InterruptedException {
    Kind kind = at.kind();
    try (Client client = new Client(gateway.address())) {
      client.createGroup(groupId);
      sandbox.fault(
          String.format("{\"command\": \"%s\", \"times\": 2, \"action\": %s}", kind.command(), at.fault()));
      long began = System.nanoTime();
      Status status = outcome(client, kind, groupId);
      long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
      assertEquals(at.code(), status.getCode(), at::toString);
      assertEquals(at.calls(), client.attempts.of(kind.method()), () -> "attempts of " + at);
      assertEquals(at.calls(), sandbox.calls(kind.command(), groupId), () -> "calls upstream of " + at);
      if (at.calls() > 1) {
        // The gateway asks for longer pauses than the config, and the client keeps them.
        long asked = client.attempts.pushbackMillis();
        assertTrue(asked > 0 && took >= asked, () -> "asked to wait " + asked + " ms, took " + took + " ms");
      }
    } finally {
      sandbox.clearFaults();
    }
  }
}
