package org.pygpt.chat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.pygpt.chat.Expressions.Expression;
import org.pygpt.chat.Lexer.Kind;

/** Mutable, one reading: the texts and tags of a template. */
final class Statements {
  /** How a part ends: by itself, or by what a loop takes. */
  enum Flow {
    ON,
    BREAK,
    CONTINUE
  }

  /** A part of a template. */
  interface Part {
    Flow write(Scope scope, StringBuilder out);
  }

  /** What {@code set} and loops give values to. */
  private interface Target {
    void set(Scope scope, Object value);
  }

  private final Cursor cursor;
  private final Expressions expressions;

  private Statements(Cursor cursor) {
    this.cursor = cursor;
    this.expressions = new Expressions(cursor);
  }

  /**
   * The parts of a template.
   *
   * @throws TemplateException if it is none, or has a tag that is not known here
   */
  static Part read(String template) {
    Statements reader = new Statements(new Cursor(Lexer.tokens(template)));
    Part all = reader.until(Set.of());
    if (reader.cursor.peek().kind() != Kind.END) {
      throw reader.cursor.problem("a tag that is known");
    }
    return all;
  }

  /** The parts up to one of these tags, of which the beginning is taken. */
  private Part until(Set<String> ends) {
    List<Part> parts = new ArrayList<>();
    while (true) {
      switch (cursor.peek().kind()) {
        case TEXT -> {
          String text = cursor.next().text();
          parts.add((_, out) -> {
            out.append(text);
            return Flow.ON;
          });
        }
        case PRINT -> {
          cursor.next();
          Expression value = expressions.several();
          cursor.expect("}}");
          parts.add((scope, out) -> {
            out.append(Values.text(value.value(scope)));
            return Flow.ON;
          });
        }
        case END -> {
          if (!ends.isEmpty()) {
            throw cursor.problem(String.join(" or ", ends.stream().sorted().toList()));
          }
          return sequence(parts);
        }
        default -> {
          cursor.next();
          if (ends.contains(cursor.peek().text())) {
            return sequence(parts);
          }
          parts.add(tag());
        }
      }
    }
  }

  private static Part sequence(List<Part> parts) {
    return (scope, out) -> {
      for (Part part : parts) {
        Flow flow = part.write(scope, out);
        if (flow != Flow.ON) {
          return flow;
        }
      }
      return Flow.ON;
    };
  }

  private Part tag() {
    String name = cursor.name();
    return switch (name) {
      case "for" -> loop();
      case "if" -> condition();
      case "set" -> assignment();
      case "macro" -> macro();
      case "generation" -> {
        Part inside = inside("endgeneration");
        yield (scope, out) -> inside.write(new Scope(scope), out);
      }
      case "break", "continue" -> {
        cursor.expect("%}");
        Flow flow = name.equals("break") ? Flow.BREAK : Flow.CONTINUE;
        yield (_, _) -> flow;
      }
      default -> throw new TemplateException("Encountered unknown tag '" + name + "'.");
    };
  }

  /** The parts between a tag that ends here and its end. */
  private Part inside(String end) {
    cursor.expect("%}");
    Part inside = until(Set.of(end));
    cursor.next();
    cursor.expect("%}");
    return inside;
  }

  private Part condition() {
    Expression condition = expressions.one();
    cursor.expect("%}");
    Part yes = until(Set.of("elif", "else", "endif"));
    Part no =
        switch (cursor.next().text()) {
          case "elif" -> condition();
          case "else" -> inside("endif");
          default -> {
            cursor.expect("%}");
            yield (_, _) -> Flow.ON;
          }
        };
    return (scope, out) -> (Values.isTrue(condition.value(scope)) ? yes : no).write(scope, out);
  }

  // ---- loops -----------------------------------------------------------------------------------

  private Part loop() {
    Target target = targets();
    if (!cursor.takesName("in")) {
      throw cursor.problem("in");
    }
    Expression all = expressions.or();
    Expression wanted = cursor.takesName("if") ? expressions.one() : null;
    cursor.expect("%}");
    Part body = until(Set.of("else", "endfor"));
    Part otherwise = cursor.next().text().equals("else") ? inside("endfor") : ended();
    return (scope, out) -> {
      List<Object> items = new ArrayList<>();
      for (Object item : Values.items(all.value(scope))) {
        Scope own = new Scope(scope);
        target.set(own, item);
        if (wanted == null || Values.isTrue(wanted.value(own))) {
          items.add(item);
        }
      }
      if (items.isEmpty()) {
        return otherwise.write(scope, out);
      }
      for (int i = 0; i < items.size(); i++) {
        Scope own = new Scope(scope);
        own.set("loop", place(items, i));
        target.set(own, items.get(i));
        if (body.write(own, out) == Flow.BREAK) {
          break;
        }
      }
      return Flow.ON;
    };
  }

  private Part ended() {
    cursor.expect("%}");
    return (_, _) -> Flow.ON;
  }

  /** What {@code loop} knows. */
  private static Map<String, Object> place(List<Object> items, int i) {
    long size = items.size();
    Map<String, Object> loop = new HashMap<>();
    loop.put("index0", (long) i);
    loop.put("index", i + 1L);
    loop.put("revindex0", size - i - 1);
    loop.put("revindex", size - i);
    loop.put("first", i == 0);
    loop.put("last", i == size - 1);
    loop.put("length", size);
    loop.put(
        "previtem", i > 0 ? items.get(i - 1) : new Values.Undefined("there is no previous item"));
    loop.put(
        "nextitem",
        i < size - 1 ? items.get(i + 1) : new Values.Undefined("there is no next item"));
    Values.Function cycle = (given, _) -> given.get(i % given.size());
    loop.put("cycle", cycle);
    return loop;
  }

  // ---- names -----------------------------------------------------------------------------------

  private Target targets() {
    List<Target> all = new ArrayList<>();
    boolean inBrackets = cursor.takes("(");
    do {
      all.add(target());
    } while (cursor.takes(","));
    if (inBrackets) {
      cursor.expect(")");
    }
    return all.size() == 1
        ? all.getFirst()
        : (scope, value) -> {
          List<Object> items = Values.items(value);
          if (items.size() != all.size()) {
            throw new TemplateException(
                "expected " + all.size() + " values to unpack, got " + items.size());
          }
          for (int i = 0; i < items.size(); i++) {
            all.get(i).set(scope, items.get(i));
          }
        };
  }

  private Target target() {
    String name = cursor.name();
    if (!cursor.takes(".")) {
      return (scope, value) -> scope.set(name, value);
    }
    String field = cursor.name();
    return (scope, value) -> {
      if (!(scope.get(name) instanceof Values.Namespace space)) {
        throw new TemplateException("cannot assign attribute on non-namespace object");
      }
      space.fields().put(field, value);
    };
  }

  private Part assignment() {
    Target target = targets();
    if (cursor.takes("=")) {
      Expression value = expressions.several();
      cursor.expect("%}");
      return (scope, _) -> {
        target.set(scope, value.value(scope));
        return Flow.ON;
      };
    }
    Part inside = inside("endset");
    return (scope, out) -> {
      StringBuilder text = new StringBuilder();
      inside.write(new Scope(scope), text);
      target.set(scope, text.toString());
      return Flow.ON;
    };
  }

  private Part macro() {
    String name = cursor.name();
    Map<String, Expression> parameters = new LinkedHashMap<>();
    cursor.expect("(");
    while (!cursor.takes(")")) {
      String parameter = cursor.name();
      Expression missing =
          _ -> new Values.Undefined("parameter '" + parameter + "' was not provided");
      parameters.put(parameter, cursor.takes("=") ? expressions.one() : missing);
      if (!cursor.isOperator(")")) {
        cursor.expect(",");
      }
    }
    Part body = inside("endmacro");
    return (scope, _) -> {
      Values.Function function =
          (given, named) -> {
            if (given.size() > parameters.size()) {
              throw new TemplateException(
                  "macro '" + name + "' takes not more than " + parameters.size() + " argument(s)");
            }
            Scope own = new Scope(scope);
            int i = 0;
            for (var parameter : parameters.entrySet()) {
              Object value =
                  i < given.size()
                      ? given.get(i)
                      : named.containsKey(parameter.getKey())
                          ? named.get(parameter.getKey())
                          : parameter.getValue().value(own);
              own.set(parameter.getKey(), value);
              i++;
            }
            StringBuilder text = new StringBuilder();
            body.write(own, text);
            return text.toString();
          };
      scope.set(name, function);
      return Flow.ON;
    };
  }
}
