package org.pygpt.kernels.nd4j;

import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOpsHolder;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.HostDevice;
import org.pygpt.tensor.Memory;

/** Where ND4J has its arrays: this host with nd4j-native, a GPU with nd4j-cuda. */
final class Nd4jDevice implements Device {
  private final String name;

  /**
   * Loads ND4J; its native library is loaded in the right order by this class of it alone.
   *
   * @throws LinkageError if it is not there, or has no library for this machine
   */
  Nd4jDevice() {
    name = Nd4j.getBackend().getClass().getSimpleName();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Memory allocate(long bytes) {
    return new Nd4jMemory(this, bytes);
  }

  @Override
  public long freeBytes() {
    long free = NativeOpsHolder.getInstance().getDeviceNativeOps().getDeviceFreeMemoryDefault();
    return free > 0 ? free : HostDevice.host().freeBytes(); // nd4j-native gives 0
  }
}
