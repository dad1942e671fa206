package clients;

import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Waiting for what must happen at all. */
final class Patience {
  static final long SECONDS = 60;

  private Patience() {}

  /** Waits until there is something. The caller holds the lock, whose changes are notified. */
  static <T> T await(Object lock, String what, Supplier<Optional<T>> find) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    for (Optional<T> found = find.get(); ; found = find.get()) {
      if (found.isPresent()) {
        return found.get();
      }
      long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      if (left <= 0) {
        throw new AssertionError("waited in vain for " + what);
      }
      lock.wait(left);
    }
  }
}
