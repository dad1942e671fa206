package clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tencentim.group.v1.CounterServiceGrpc;
import com.tencentim.group.v1.MemberServiceGrpc;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Two gateways share one sandbox. Under load one is drained and started anew, then the other freezes, is killed in the middle of
 * calls and started anew. What the client was told is what happened.
 */
class FailoverTest {
  /** So many answers of a gateway show that it takes part. */
  private static final int SOME = 50;

  @Test
  void noCallFailsWhileGatewaysComeAndGo() throws Exception {
    try (Sandbox sandbox = new Sandbox();
        Gateway first = new Gateway(sandbox);
        Gateway second = new Gateway(sandbox);
        Client client = new Client(first.address(), second.address())) {
      client.createGroup("load");
      sandbox.fault("{\"command\": \"*\", \"action\": {\"type\": \"latency\", \"ms\": 20}}");
      try (Load load = new Load(client, "load")) {
        Attempts attempts = client.attempts;
        attempts.awaitAnswers(first.address(), SOME);
        attempts.awaitAnswers(second.address(), SOME);

        drain(attempts, first, second);
        assertEquals(0, load.repeated.get() + load.uncertain.get(), "writes that the drain cut off");
        first.restart();
        attempts.awaitAnswers(first.address(), SOME);
        load.check();

        // Once a gateway has begun to answer, nobody but the caller could repeat: freeze it when all calls wait for Tencent.
        // Everything that goes to it then stays there, until each worker waits for it.
        sandbox.clearFaults();
        sandbox.fault("{\"command\": \"*\", \"action\": {\"type\": \"latency\", \"ms\": 2000}}");
        sandbox.awaitHits(Load.WORKERS);
        second.child().signal("STOP");
        sandbox.clearFaults();
        attempts.await("calls in the frozen gateway", () -> attempts.inFlight(second.address()) == Load.WORKERS);
        int transparent = attempts.transparent();
        second.child().signal("KILL");
        second.child().awaitEnd();
        attempts.awaitAnswers(first.address(), SOME);
        second.restart();
        attempts.awaitAnswers(second.address(), SOME);
        load.end();

        // Reads and idempotent writes were repeated by the client, messages by the caller. Counts could not be.
        int retries =
            attempts.of(CounterServiceGrpc.getGetCountersMethod())
                + attempts.of(MemberServiceGrpc.getAddMembersMethod())
                - load.reads.get()
                - load.added.size();
        assertCutOff(2, retries, "repeated by the client", attempts.transparent() - transparent);
        assertCutOff(1, load.repeated.get(), "repeated by the caller", attempts.transparent() - transparent);
        assertCutOff(1, load.uncertain.get(), "uncertain counts", attempts.transparent() - transparent);
        int executed = compare(sandbox, load);
        Report.add(
            "two gateways, drained and killed: %d calls, 0 failed in the drain, %d retried, %d messages repeated and "
                + "%d counts uncertain (%d executed) after the kill",
            load.calls(), retries, load.repeated.get(), load.uncertain.get(), executed);
      }
    }
  }

  /** Holds how many calls were cut off against all of some kinds. One that had not quite left the client is never cut off. */
  private static void assertCutOff(int kinds, int seen, String what, int transparent) {
    int all = kinds * Load.WORKERS_OF_A_KIND;
    assertTrue(seen <= all && seen + transparent >= all, () -> seen + " and " + transparent + " of " + all + " " + what);
  }

  /** Ends a gateway in good order. Calls leave it as soon as it says NOT_SERVING, not only when its connections close. */
  private static void drain(Attempts attempts, Gateway leaving, Gateway staying)
      throws IOException, InterruptedException {
    Child child = leaving.child();
    child.signal("TERM");
    child.await("not serving any more");
    attempts.await(
        "calls leave the gateway",
        () -> attempts.streak(staying.address()) >= SOME && attempts.inFlight(leaving.address()) == 0);
    assertFalse(child.wrote("\"message\":\"draining\""), "calls went on to a gateway that says NOT_SERVING");
    assertEquals(0, child.awaitEnd(), "exit code");
    assertFalse(child.wrote("did not end in time"), "the client's connection held up the end");
  }

  /** Holds the sandbox's state against what the client was told; how many uncertain counts were executed. */
  private static int compare(Sandbox sandbox, Load load) throws IOException, InterruptedException {
    Sandbox.Group group = sandbox.group("load");
    assertEquals(sorted(load.sent), sorted(group.messages()), "messages");
    assertEquals(
        sorted(load.added), sorted(group.members().stream().filter(id -> !id.equals("alice")).toList()), "members");
    int executed = group.count() - load.counted.get();
    assertTrue(executed >= 0 && executed <= load.uncertain.get(), "counted " + executed + " times more than told");
    return executed;
  }

  private static List<String> sorted(Collection<String> ids) {
    return ids.stream().sorted().toList();
  }
}
