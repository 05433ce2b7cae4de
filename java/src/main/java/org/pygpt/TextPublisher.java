package org.pygpt;

import java.util.concurrent.Flow;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;

/**
 * Immutable: text that is made as it is asked for, on a thread of its own for each subscriber; one
 * that cancels ends it before the next token.
 */
record TextPublisher(Supplier<Continuation> begin) implements Flow.Publisher<String> {
  @Override
  public void subscribe(Flow.Subscriber<? super String> subscriber) {
    Semaphore wanted = new Semaphore(0);
    Continuation[] begun = new Continuation[1];
    boolean[] cancelled = {false};
    subscriber.onSubscribe(
        new Flow.Subscription() {
          @Override
          public void request(long count) {
            wanted.release(
                (int) Math.min(count, Integer.MAX_VALUE / 2 - wanted.availablePermits()));
          }

          @Override
          public void cancel() {
            synchronized (begun) {
              cancelled[0] = true;
              if (begun[0] != null) {
                begun[0].close();
              }
            }
            wanted.release();
          }
        });
    Thread.ofVirtual()
        .start(() -> {
          try {
            synchronized (begun) {
              begun[0] = begin.get();
            }
            give(begun[0], subscriber, wanted, cancelled);
          } catch (RuntimeException | Error error) {
            subscriber.onError(error);
          } finally {
            if (begun[0] != null) {
              begun[0].close();
            }
          }
        });
  }

  private static void give(
      Continuation text,
      Flow.Subscriber<? super String> subscriber,
      Semaphore wanted,
      boolean[] cancelled) {
    while (text.hasNext()) {
      wanted.acquireUninterruptibly();
      if (cancelled[0]) {
        return;
      }
      subscriber.onNext(text.next());
    }
    if (!cancelled[0]) {
      subscriber.onComplete();
    }
  }
}
