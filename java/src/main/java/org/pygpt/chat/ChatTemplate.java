package org.pygpt.chat;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * Immutable: a chat template of {@code transformers}, in the part of Jinja's language that such
 * templates have: loops, conditions, macros, filters, tests, the methods of texts. It can call
 * nothing of Java.
 *
 * @see <a href="https://huggingface.co/docs/transformers/chat_templating">Chat templates</a>
 */
public final class ChatTemplate {
  private static final int MOST_CHARACTERS = 1 << 24; // of a text: no template runs away

  private final Statements.Part parts;

  /**
   * The template of a text.
   *
   * @throws TemplateException if it is none
   */
  public ChatTemplate(String text) {
    parts = Statements.read(text);
  }

  /**
   * What the template makes of these names; {@code transformers} gives it messages,
   * add_generation_prompt, tools, documents, bos_token and the like.
   *
   * @param values of JSON's types
   * @throws TemplateException if it refuses them
   */
  public String render(Map<String, ?> values) {
    Scope scope = new Scope(null);
    functions().forEach(scope::set);
    values.forEach((name, value) -> scope.set(name, Values.of(value)));
    StringBuilder out = new StringBuilder();
    try {
      parts.write(new Scope(scope), out);
    } catch (StackOverflowError error) {
      throw new TemplateException("expected a macro that ends");
    } catch (ClassCastException | IndexOutOfBoundsException | ArithmeticException error) {
      throw new TemplateException("a value that its place does not take: " + error.getMessage());
    }
    return out.toString();
  }

  private static Map<String, Values.Function> functions() {
    Map<String, Values.Function> all = new LinkedHashMap<>();
    all.put(
        "raise_exception",
        (given, _) -> {
          throw new TemplateException(Values.text(given.getFirst()));
        });
    all.put("strftime_now", (given, _) -> now(Values.text(given.getFirst())));
    all.put(
        "namespace",
        (given, named) -> {
          Map<String, Object> fields = new LinkedHashMap<>();
          given.forEach(one -> ((Map<?, ?>) one).forEach((k, v) -> fields.put(Values.text(k), v)));
          fields.putAll(named);
          return new Values.Namespace(fields);
        });
    all.put("dict", (_, named) -> new LinkedHashMap<Object, Object>(named));
    all.put("range", (given, _) -> range(given));
    return all;
  }

  private static List<Object> range(List<Object> given) {
    long first = given.size() > 1 ? (Long) given.getFirst() : 0;
    long end = (Long) given.get(given.size() > 1 ? 1 : 0);
    long step = given.size() > 2 ? (Long) given.get(2) : 1;
    if (step == 0 || Math.abs((end - first) / step) > MOST_CHARACTERS) {
      throw new TemplateException("expected a range that ends");
    }
    return LongStream.iterate(first, i -> step > 0 ? i < end : i > end, i -> i + step)
        .boxed()
        .collect(Collectors.toCollection(ArrayList::new));
  }

  /** The time by Python's {@code strftime}. */
  private static String now(String form) {
    LocalDateTime time = LocalDateTime.now();
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < form.length(); i++) {
      char c = form.charAt(i);
      boolean isCode = c == '%' && i + 1 < form.length();
      out.append(isCode ? part(time, form.charAt(++i)) : c);
    }
    return out.toString();
  }

  private static String part(LocalDateTime time, char code) {
    String pattern =
        switch (code) {
          case 'Y' -> "yyyy";
          case 'y' -> "yy";
          case 'm' -> "MM";
          case 'd' -> "dd";
          case 'B' -> "MMMM";
          case 'b' -> "MMM";
          case 'A' -> "EEEE";
          case 'a' -> "EEE";
          case 'H' -> "HH";
          case 'I' -> "hh";
          case 'M' -> "mm";
          case 'S' -> "ss";
          case 'p' -> "a";
          case 'j' -> "DDD";
          case '%' -> "'%'";
          default -> throw new TemplateException("strftime_now: unknown code %" + code);
        };
    return time.format(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH));
  }
}
