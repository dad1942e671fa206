package clients;

import com.tencentim.group.v1.AddMemberOutcome;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** Makes reads and writes without a pause, and remembers what the client was told of them. */
final class Load implements AutoCloseable {
  /** How many workers make calls of each kind, one after the other. */
  static final int WORKERS_OF_A_KIND = 4;

  static final int WORKERS = 4 * WORKERS_OF_A_KIND;

  private final Client client;
  private final String groupId;
  private final ExecutorService threads = Executors.newFixedThreadPool(WORKERS);
  private final List<Future<?>> workers = new ArrayList<>();
  private volatile boolean stopped;

  final AtomicInteger reads = new AtomicInteger();
  final Queue<String> added = new ConcurrentLinkedQueue<>();
  final Queue<String> sent = new ConcurrentLinkedQueue<>();
  final AtomicInteger counted = new AtomicInteger();

  /** Messages that were cut off and sent once more with the same request id. */
  final AtomicInteger repeated = new AtomicInteger();

  /** Counts that were cut off: they may have been executed or not, and must not be repeated. */
  final AtomicInteger uncertain = new AtomicInteger();

  Load(Client client, String groupId) {
    this.client = client;
    this.groupId = groupId;
    List<Consumer<String>> kinds = List.of(this::read, this::add, this::send, this::count);
    for (int kind = 0; kind < kinds.size(); kind++) {
      for (int worker = 0; worker < WORKERS_OF_A_KIND; worker++) {
        String name = kind + "-" + worker;
        Consumer<String> work = kinds.get(kind);
        workers.add(threads.submit(() -> work(name, work)));
      }
    }
  }

  private void work(String name, Consumer<String> work) {
    for (int turn = 0; !stopped; turn++) {
      work.accept(name + "-" + turn);
    }
  }

  private void read(String id) {
    client.getCounters(groupId);
    reads.incrementAndGet();
  }

  private void add(String id) {
    AddMemberOutcome outcome = client.addMember(groupId, id);
    // A member already: by an attempt whose reply was cut off.
    if (outcome != AddMemberOutcome.ADD_MEMBER_OUTCOME_ADDED
        && outcome != AddMemberOutcome.ADD_MEMBER_OUTCOME_ALREADY_MEMBER) {
      throw new AssertionError("adding " + id + ": " + outcome);
    }
    added.add(id);
  }

  /** Does what the contract tells callers: repeat a message with its request id. */
  private void send(String id) {
    try {
      client.sendMessage(groupId, id);
    } catch (RuntimeException error) {
      passUnlessCutOff(error);
      repeated.incrementAndGet();
      client.sendMessage(groupId, id);
    }
    sent.add(id);
  }

  private void count(String id) {
    try {
      client.count(groupId);
      counted.incrementAndGet();
    } catch (RuntimeException error) {
      passUnlessCutOff(error);
      uncertain.incrementAndGet();
    }
  }

  private static void passUnlessCutOff(RuntimeException error) {
    if (Status.fromThrowable(error).getCode() != Status.Code.UNAVAILABLE) {
      throw error;
    }
  }

  /** Throws what kept a worker from going on, if anything did. */
  void check() throws ExecutionException, InterruptedException {
    for (Future<?> worker : workers) {
      if (worker.isDone()) {
        worker.get();
      }
    }
  }

  /** Ends in good order; throws like {@code check}. */
  void end() throws ExecutionException, InterruptedException {
    stopped = true;
    for (Future<?> worker : workers) {
      worker.get();
    }
  }

  int calls() {
    return reads.get() + added.size() + sent.size() + counted.get() + uncertain.get();
  }

  @Override
  public void close() {
    stopped = true;
    threads.shutdownNow();
  }
}
