#!/bin/sh
# Checks and measures backend cuda on this machine, which needs an NVIDIA driver, cuBLASLt and NVRTC of CUDA 13 and
# nothing else: ./run.sh [--only check|speed] [--card N] [--small] [--out FILE]. Libraries are looked for in the folder
# PYGPT_CUDA, in Python's packages if there is Python, in CUDA_HOME/lib64, and where the system looks.
here=$(cd "$(dirname "$0")" && pwd)
packages=$(python3 -c '
import sys
from pathlib import Path
folders = [Path(folder, "nvidia", "cu13", "lib") for folder in sys.path if folder]
print(":".join(str(folder) for folder in folders if folder.is_dir()))' 2> /dev/null)
"$here/jre/bin/java" --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
    -Dpygpt.cuda.path="$packages" -cp "$here/pygpt-engine.jar" org.pygpt.bench.CudaBench "$@"
status=$?
case " $* " in
*" --small "* | *" --only check "*) ;;
*) if python3 "$here/torch_side.py" --check 2> /dev/null; then python3 "$here/torch_side.py" | tee -a cuda.jsonl; fi ;;
esac
exit $status
