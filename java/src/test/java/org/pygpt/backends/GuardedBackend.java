package org.pygpt.backends;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.pygpt.kernels.Kernels;
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
    GuardedDevice device = new GuardedDevice();
    Class<?>[] types = {Kernels.class};
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(),
            types,
            (_, method, arguments) -> {
              if (method.getName().equals("device")) {
                return device;
              }
              device.unlock();
              try {
                return method.invoke(kernels, arguments);
              } catch (InvocationTargetException error) {
                throw error.getCause();
              } finally {
                device.lock();
              }
            });
  }
}
