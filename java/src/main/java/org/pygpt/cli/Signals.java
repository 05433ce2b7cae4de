package org.pygpt.cli;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.function.IntConsumer;

/** What Ctrl-C and its kin do while something must be finished. */
final class Signals {
  private static final Map<String, Integer> NUMBERS = Map.of("INT", 2, "HUP", 1, "TERM", 15);

  private Signals() {}

  /**
   * Gives the number of each signal that would end the program to {@code handler}, which may be
   * called on any thread; where the JVM has no such thing, signals do what they did.
   *
   * @return what gives them back to the system
   */
  static Runnable take(IntConsumer handler) {
    NUMBERS.forEach((name, number) ->
        set(
            name,
            (_, _, _) -> {
              handler.accept(number);
              return null;
            }));
    return () -> NUMBERS.keySet().forEach(name -> set(name, null));
  }

  /**
   * Has Ctrl-C do this, and nothing else; see {@link #take}.
   *
   * @return what gives it back to the system
   */
  static Runnable takeInterrupt(Runnable handler) {
    set(
        "INT",
        (_, _, _) -> {
          handler.run();
          return null;
        });
    return () -> set("INT", null);
  }

  /** {@code sun.misc.Signal}, which the compiler warns of wherever it is named. */
  private static void set(String name, InvocationHandler called) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object handles =
          called == null
              ? handler.getField("SIG_DFL").get(null)
              : Proxy.newProxyInstance(
                  Signals.class.getClassLoader(), new Class<?>[] {handler}, called);
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), handles);
    } catch (ReflectiveOperationException error) {
      // no such signal, or the JVM is told not to take it
    }
  }
}
