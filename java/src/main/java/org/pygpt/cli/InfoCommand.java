package org.pygpt.cli;

import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.pygpt.files.PretrainedModel;
import org.pygpt.model.LayoutTable;
import org.pygpt.text.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Says what a model's folder holds. */
@Command(
    name = "info",
    description = "say what a model's folder holds",
    mixinStandardHelpOptions = true)
final class InfoCommand implements Callable<Integer> {
  private static final int WEIGHT_BYTES = 4; // float32

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "CHECKPOINT", description = "a model's folder, or a run's")
  private Path folder;

  @Option(names = "--json", description = "print the result as one JSON object")
  private boolean isJson;

  @Override
  public Integer call() throws Exception {
    Map<String, Object> values = new LinkedHashMap<>();
    try (Arena arena = Arena.ofShared()) {
      PretrainedModel saved = PretrainedModel.open(folder, arena);
      long count = LayoutTable.of(saved.config()).count().longValueExact();
      values.put("kind", "model");
      values.put("parameters", count);
      values.put("weights_bytes", WEIGHT_BYTES * count);
      values.put("config", saved.config().values());
      if (saved.tokenizer() != null) {
        values.put("tokenizer", saved.tokenizer().toString());
      }
    }
    PrintWriter out = spec.commandLine().getOut();
    if (isJson) {
      out.println(Json.write(values));
      return 0;
    }
    values.forEach(
        (name, value) -> out.printf("%-15s%s%n", name.replace('_', ' '), shown(name, value)));
    return 0;
  }

  private static String shown(String name, Object value) {
    if (value instanceof Map<?, ?> members) {
      return members.entrySet().stream()
          .map(member -> member.getKey() + "=" + member.getValue())
          .collect(Collectors.joining(" "));
    }
    if (value instanceof Long number && name.endsWith("_bytes")) {
      return String.format(Locale.ROOT, "%,d (%,.1f MB)", number, number / 1e6);
    }
    return value instanceof Long ? String.format(Locale.ROOT, "%,d", value) : value.toString();
  }
}
