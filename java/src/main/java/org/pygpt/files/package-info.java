/** Files: models as folders, in safetensors and JSON, written as a whole or not at all. */
package org.pygpt.files;
