package org.pygpt.files;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.pygpt.model.GPTConfig;
import org.pygpt.model.Variant.QkNorm;
import org.pygpt.model.Variant.Residual;
import org.pygpt.text.Choice;

/**
 * Where the tensors of a family's files lie in a model of ours: linear layers are (out, in) there,
 * GPT-2's aside, what one product makes here is several there or in another order, and rotated
 * columns come in halves here. As Python's {@code pygpt.checkpoints.layouts}.
 */
final class FamilyLayout {
  private static final Pattern BUFFER =
      Pattern.compile("(.*\\.)?((attn|attention)\\.(masked_)?bias|rotary_emb\\.inv_freq)");
  private static final Pattern IN_LAYER = Pattern.compile("h\\.(\\d+)\\.(.*)\\.(weight|bias)");
  private static final String HEAD = "lm_head";
  private static final String FILE = "model.safetensors";

  private final Family family;
  private final GPTConfig config;
  private final String prefix;
  private final Map<String, Object> modules;

  FamilyLayout(Family family, GPTConfig config) {
    this.family = family;
    this.config = config;
    this.prefix = family.text("prefix");
    this.modules = new HashMap<>(family.map("modules"));
    Object renamed = family.map("renamed").get(Choice.name(config.variant().residual()));
    if (renamed != null) {
      modules.putAll(Family.object(renamed));
    }
  }

  /** The tensors of a file by their full names, without constants and a second tied matrix. */
  Map<String, SafeTensors.Array> weights(Map<String, SafeTensors.Array> stored) {
    String head = family.text("head");
    boolean isPlain = stored.keySet().stream().noneMatch(name -> name.startsWith(prefix));
    Map<String, SafeTensors.Array> named = new HashMap<>();
    stored.forEach((name, array) -> {
      String full = isPlain && !name.startsWith(head + ".") ? prefix + name : name;
      String inner = full.startsWith(prefix) ? full.substring(prefix.length()) : full;
      if (!BUFFER.matcher(inner).matches()) {
        named.put(full, array);
      }
    });
    if (config.tieWeights()) {
      useSecondHead(named, head + ".weight");
    }
    return named;
  }

  /** Leaves out an output matrix that the file has beside the embedding, or instead of it. */
  private void useSecondHead(Map<String, SafeTensors.Array> named, String head) {
    SafeTensors.Array second = named.remove(head);
    if (second == null) {
      return;
    }
    String embedding = prefix + family.map("outer").get("wte.weight");
    SafeTensors.Array first = named.putIfAbsent(embedding, second);
    boolean isSame =
        first == null
            || first.type() == second.type() && first.bytes().mismatch(second.bytes()) < 0;
    if (!isSame) {
      throw new IllegalArgumentException(
          "%s: %s: expected the numbers of %s, since tie_word_embeddings is true"
              .formatted(FILE, head, embedding));
    }
  }

  /** What a weight of ours is in the file: one tensor, or several with columns of it. */
  List<WeightPart> parts(String name) {
    Matcher inLayer = IN_LAYER.matcher(name);
    if (!inLayer.matches()) {
      return List.of(outer(name));
    }
    String module = inLayer.group(2);
    String last = module.substring(module.lastIndexOf('.') + 1);
    boolean isNorm = last.startsWith("ln") || last.equals("q_norm") || last.equals("k_norm");
    boolean isMatrix = inLayer.group(3).equals("weight");
    boolean transposed = isMatrix && !isNorm && !family.flag("is_conv");
    double offset = isMatrix && isNorm ? family.number("gain_offset") : 0;
    String before = prefix + family.text("layer").replace("{}", inLayer.group(1));
    List<WeightPart> parts = new ArrayList<>();
    for (Columns part : columns(module)) {
      String full = before + part.module + "." + inLayer.group(3);
      parts.add(new WeightPart(full, part.columns, transposed, offset, 0, part.shape));
    }
    return parts;
  }

  private WeightPart outer(String name) {
    if (name.startsWith(HEAD + ".")) {
      return WeightPart.whole(name.replace(HEAD, family.text("head")));
    }
    int skipped = name.equals("wpe.weight") ? (int) family.number("skipped_positions") : 0;
    double offset = name.equals("ln_f.weight") ? family.number("gain_offset") : 0;
    String theirs = prefix + family.map("outer").get(name);
    return new WeightPart(theirs, null, false, offset, skipped, null);
  }

  // ---- the columns of a module -----------------------------------------------------------------

  /** A module there, with its columns of ours, and the shape of a gain that is no row. */
  private record Columns(String module, int[] columns, List<Long> shape) {}

  private List<Columns> columns(String module) {
    Object theirs = modules.get(module);
    if (module.equals("attn.c_attn") && !family.flag("is_conv")) {
      return attention(theirs);
    }
    if (theirs instanceof List<?> two) { // gates, and values
      int width = config.nInner();
      return List.of(
          new Columns((String) two.get(0), IntStream.range(0, width).toArray(), null),
          new Columns((String) two.get(1), IntStream.range(width, 2 * width).toArray(), null));
    }
    QkNorm norm = config.variant().qkNorm();
    boolean isHeads = module.equals("attn.q_norm") || module.equals("attn.k_norm");
    if (!isHeads || norm == QkNorm.NONE || norm == QkNorm.ROW) {
      return List.of(new Columns((String) theirs, null, null));
    }
    int heads = module.equals("attn.q_norm") ? config.nHead() : config.nKvHead();
    return gains((String) theirs, norm == QkNorm.HEAD ? 1 : heads, norm);
  }

  private List<Columns> gains(String theirs, int heads, QkNorm norm) {
    int[] order = order();
    if (norm == QkNorm.HEAD) {
      return List.of(new Columns(theirs, order, null));
    }
    int size = config.headSize();
    if (!theirs.contains("{}")) {
      List<Long> shape = List.of((long) heads, (long) size);
      return List.of(new Columns(theirs, ofHeads(order, 0, heads), shape));
    }
    List<Columns> each = new ArrayList<>(); // a module for each head
    for (int head = 0; head < heads; head++) {
      String name = theirs.replace("{}", String.valueOf(head));
      each.add(new Columns(name, ofHeads(order, head, head + 1), null));
    }
    return each;
  }

  private List<Columns> attention(Object theirs) {
    int heads = config.nHead();
    int groups = config.nKvHead();
    int[] plain = IntStream.range(0, config.headSize()).toArray();
    int[] queries = ofHeads(order(), 0, heads);
    int[] keys = ofHeads(order(), heads, heads + groups);
    int[] values = ofHeads(plain, heads + groups, heads + 2 * groups);
    if (theirs instanceof List<?> three) {
      return List.of(
          new Columns((String) three.get(0), queries, null),
          new Columns((String) three.get(1), keys, null),
          new Columns((String) three.get(2), values, null));
    }
    IntStream.Builder all = IntStream.builder();
    int parts = fusion().equals("rows") ? 1 : groups; // queries of a group, its key, its value
    for (int part = 0; part < parts; part++) {
      for (int[] columns : List.of(queries, keys, values)) {
        int length = columns.length / parts;
        for (int i = part * length; i < (part + 1) * length; i++) {
          all.add(columns[i]);
        }
      }
    }
    return List.of(new Columns((String) theirs, all.build().toArray(), null));
  }

  private String fusion() {
    if (!family.text("fused").equals("falcon")) {
      return family.text("fused");
    }
    boolean isGrouped = config.nKvHead() > 1 && config.nKvHead() < config.nHead();
    if (config.variant().residual() == Residual.PARALLEL || isGrouped) {
      return "groups";
    }
    return config.nKvHead() == 1 ? "rows" : "heads";
  }

  /** The columns of some heads, one head after another. */
  private int[] ofHeads(int[] order, int from, int to) {
    int size = config.headSize();
    return IntStream.range(from, to)
        .flatMap(head -> IntStream.of(order).map(column -> head * size + column))
        .toArray();
  }

  /** For each column of a head there, which one of ours it is. */
  private int[] order() {
    int rotary =
        config.variant().rotaryDim() == 0 ? config.headSize() : config.variant().rotaryDim();
    int half = rotary / 2;
    int[] columns = IntStream.range(0, config.headSize()).toArray();
    boolean isRotary = config.positions() == GPTConfig.Positions.ROTARY;
    if (family.text("order").equals("pairs") && isRotary) {
      for (int i = 0; i < rotary; i++) {
        columns[i] = i % 2 * half + i / 2;
      }
    } else if (family.text("order").equals("swapped")) {
      for (int i = 0; i < rotary; i++) {
        columns[i] = (i + half) % rotary;
      }
    }
    return columns;
  }
}
