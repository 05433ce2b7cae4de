package org.pygpt.kernels.cuda;

import java.lang.foreign.SymbolLookup;
import java.util.LinkedHashMap;
import java.util.Map;

/** What backend cuda finds here, for a user to read; this opens no card. */
public final class CudaInfo {
  private CudaInfo() {}

  /** Names and values: driver, cards, libraries, each as it is or as what is missing. */
  public static Map<String, String> lines() {
    Map<String, String> lines = new LinkedHashMap<>();
    SymbolLookup library = Libraries.open(Driver.LIBRARY);
    if (library == null) {
      lines.put("CUDA driver", "none (" + Driver.LIBRARY + " is not found)");
    } else {
      try {
        addDriver(lines, new Driver(library));
      } catch (CudaException error) {
        lines.put("CUDA cards", error.getMessage());
      }
    }
    lines.put("cuBLASLt", Libraries.whereIs(CublasLt.LIBRARY));
    lines.put("NVRTC", Libraries.whereIs(Compiler.LIBRARY));
    return lines;
  }

  private static void addDriver(Map<String, String> lines, Driver driver) {
    int version = driver.version();
    String enough = version < CudaDevice.OLDEST_DRIVER ? ": too old, install 580 or newer" : "";
    lines.put("CUDA driver", "for CUDA " + CudaDevice.dotted(version) + enough);
    int status = driver.init();
    int count = status == Driver.NO_DEVICE ? 0 : -1;
    if (count < 0) {
      driver.check("cuInit", status);
      count = driver.devices();
    }
    if (count == 0) {
      lines.put("CUDA cards", "none that the driver can see");
    }
    for (int number = 0; number < count; number++) {
      int device = driver.device(number);
      int major = driver.attribute(Driver.CAPABILITY_MAJOR, device);
      int minor = driver.attribute(Driver.CAPABILITY_MINOR, device);
      lines.put(
          "CUDA card " + number,
          String.format(
              "%s, compute capability %d.%d, %.1f GB%s",
              driver.deviceName(device),
              major,
              minor,
              driver.totalMemory(device) / 1e9,
              10 * major + minor < CudaDevice.OLDEST_CAPABILITY ? ": too old, 7.5 is needed" : ""));
    }
  }
}
