package org.pygpt.backends;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.pygpt.kernels.Kernels;
import org.pygpt.kernels.PackedMatrix;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.GuardedDevice;

/** The kernels of another backend on a {@link GuardedDevice}, unlocked while one runs. */
public abstract class GuardedBackend implements BackendProvider {
  private final Backend guarded;

  private GuardedBackend(Backend guarded) {
    this.guarded = guarded;
  }

  /** {@code guarded-cpu}. */
  public static final class OfCpu extends GuardedBackend {
    public OfCpu() {
      super(Backend.CPU);
    }
  }

  /** {@code guarded-plain}. */
  public static final class OfPlain extends GuardedBackend {
    public OfPlain() {
      super(Backend.PLAIN);
    }
  }

  @Override
  public String backend() {
    return "guarded-" + guarded;
  }

  @Override
  public Kernels kernels(DType dtype, int threads) {
    Kernels kernels = guarded.kernels(dtype, threads);
    return unlocking(new GuardedDevice(), Kernels.class, kernels);
  }

  /** What unlocks a device during each call of {@code target}, and of the matrices it packs. */
  private static <T> T unlocking(GuardedDevice device, Class<T> type, T target) {
    InvocationHandler handler =
        (_, method, arguments) -> {
          if (method.getName().equals("device")) {
            return device;
          }
          device.unlock();
          try {
            Object result = method.invoke(target, arguments);
            return result instanceof PackedMatrix packed
                ? unlocking(device, PackedMatrix.class, packed)
                : result;
          } catch (InvocationTargetException error) {
            throw error.getCause();
          } finally {
            device.lock();
          }
        };
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }
}
