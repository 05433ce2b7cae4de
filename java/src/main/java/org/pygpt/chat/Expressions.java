package org.pygpt.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.pygpt.chat.Lexer.Kind;
import org.pygpt.chat.Lexer.Token;

/** Mutable, one reading: the expressions of a template, from those that bind least to values. */
final class Expressions {
  /** What gives a value. */
  interface Expression {
    Object value(Scope scope);
  }

  /** What a call is given: values in their order, and by name. */
  record Arguments(List<Expression> placed, Map<String, Expression> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());

    List<Object> placed(Scope scope) {
      List<Object> values = new ArrayList<>();
      placed.forEach(one -> values.add(one.value(scope)));
      return values;
    }

    Map<String, Object> named(Scope scope) {
      Map<String, Object> values = new LinkedHashMap<>();
      named.forEach((name, one) -> values.put(name, one.value(scope)));
      return values;
    }
  }

  private static final List<String> COMPARISONS = List.of("==", "!=", "<=", ">=", "<", ">");

  private final Cursor cursor;

  Expressions(Cursor cursor) {
    this.cursor = cursor;
  }

  /** An expression, or several with commas between them, which are a list. */
  Expression several() {
    Expression first = one();
    if (!cursor.isOperator(",")) {
      return first;
    }
    List<Expression> all = new ArrayList<>(List.of(first));
    while (cursor.takes(",")) {
      if (cursor.isOperator(")") || cursor.isOperator("%}")) {
        break;
      }
      all.add(one());
    }
    return scope -> new ArrayList<>(all.stream().map(each -> each.value(scope)).toList());
  }

  /** An expression: {@code a if b else c} binds least. */
  Expression one() {
    Expression value = or();
    while (cursor.takesName("if")) {
      Expression yes = value;
      Expression condition = or();
      Expression no =
          cursor.takesName("else") ? one() : _ -> new Values.Undefined("the condition has no else");
      value = scope -> (Values.isTrue(condition.value(scope)) ? yes : no).value(scope);
    }
    return value;
  }

  /** An expression without a condition, as a loop has after {@code in}. */
  Expression or() {
    Expression left = and();
    while (cursor.takesName("or")) {
      Expression a = left;
      Expression b = and();
      left =
          scope -> {
            Object value = a.value(scope);
            return Values.isTrue(value) ? value : b.value(scope);
          };
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (cursor.takesName("and")) {
      Expression a = left;
      Expression b = not();
      left =
          scope -> {
            Object value = a.value(scope);
            return Values.isTrue(value) ? b.value(scope) : value;
          };
    }
    return left;
  }

  private Expression not() {
    if (cursor.takesName("not")) {
      Expression value = not();
      return scope -> !Values.isTrue(value.value(scope));
    }
    return comparison();
  }

  private Expression comparison() {
    Expression left = sum();
    Expression all = null;
    while (true) {
      boolean isNot = cursor.isName("not") && cursor.second().is(Kind.NAME, "in");
      String operator = cursor.peek().text();
      if (isNot || cursor.isName("in")) {
        cursor.next();
        if (isNot) {
          cursor.next();
        }
        operator = isNot ? "not in" : "in";
      } else if (cursor.peek().kind() == Kind.OPERATOR && COMPARISONS.contains(operator)) {
        cursor.next();
      } else {
        return all == null ? left : all;
      }
      Expression a = left;
      Expression b = sum();
      Expression before = all;
      String kind = operator;
      all =
          scope ->
              (before == null || Values.isTrue(before.value(scope)))
                  && compare(kind, a.value(scope), b.value(scope));
      left = b;
    }
  }

  private static boolean compare(String operator, Object left, Object right) {
    return switch (operator) {
      case "==" -> Values.equal(left, right);
      case "!=" -> !Values.equal(left, right);
      case "in" -> Values.contains(right, left);
      case "not in" -> !Values.contains(right, left);
      case "<" -> Values.compare(left, right) < 0;
      case "<=" -> Values.compare(left, right) <= 0;
      case ">" -> Values.compare(left, right) > 0;
      default -> Values.compare(left, right) >= 0;
    };
  }

  private Expression sum() {
    return binary(this::joined, "+", "-");
  }

  private Expression joined() {
    Expression left = product();
    while (cursor.takes("~")) {
      Expression a = left;
      Expression b = product();
      left = scope -> Values.text(a.value(scope)) + Values.text(b.value(scope));
    }
    return left;
  }

  private Expression product() {
    return binary(() -> binary(() -> signed(true), "**"), "*", "//", "/", "%");
  }

  private Expression binary(Supplier<Expression> part, String... operators) {
    Expression left = part.get();
    while (cursor.peek().kind() == Kind.OPERATOR
        && List.of(operators).contains(cursor.peek().text())) {
      String operator = cursor.next().text();
      Expression a = left;
      Expression b = part.get();
      left = scope -> Values.arithmetic(operator, a.value(scope), b.value(scope));
    }
    return left;
  }

  private Expression signed(boolean filtered) {
    Expression value;
    if (cursor.takes("-")) {
      Expression positive = signed(false);
      value = scope -> Values.arithmetic("-", 0L, positive.value(scope));
    } else if (cursor.takes("+")) {
      value = signed(false);
    } else {
      value = parts(primary());
    }
    return filtered ? filters(value) : value;
  }

  // ---- values ----------------------------------------------------------------------------------

  private Expression primary() {
    Token token = cursor.next();
    return switch (token.kind()) {
      case NAME -> named(token.text());
      case NUMBER -> {
        boolean isWhole = token.text().indexOf('.') < 0;
        Object number =
            isWhole ? (Object) Long.valueOf(token.text()) : Double.valueOf(token.text());
        yield _ -> number;
      }
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (cursor.peek().kind() == Kind.STRING) {
          text.append(cursor.next().text());
        }
        String all = text.toString();
        yield _ -> all;
      }
      default ->
          switch (token.text()) {
            case "(" -> inBrackets();
            case "[" -> list();
            case "{" -> dictionary();
            default -> throw new TemplateException("expected a value, got '" + token.text() + "'");
          };
    };
  }

  private static Expression named(String name) {
    return switch (name) {
      case "true", "True" -> _ -> true;
      case "false", "False" -> _ -> false;
      case "none", "None" -> _ -> null;
      default -> scope -> scope.get(name);
    };
  }

  private Expression inBrackets() {
    if (cursor.takes(")")) {
      return _ -> new ArrayList<>();
    }
    Expression inside = several();
    cursor.expect(")");
    return inside;
  }

  private Expression list() {
    List<Expression> items = new ArrayList<>();
    while (!cursor.takes("]")) {
      items.add(one());
      if (!cursor.isOperator("]")) {
        cursor.expect(",");
      }
    }
    return scope -> {
      List<Object> values = new ArrayList<>();
      items.forEach(item -> values.add(item.value(scope)));
      return values;
    };
  }

  private Expression dictionary() {
    Map<Expression, Expression> members = new LinkedHashMap<>();
    while (!cursor.takes("}")) {
      Expression key = one();
      cursor.expect(":");
      members.put(key, one());
      if (!cursor.isOperator("}")) {
        cursor.expect(",");
      }
    }
    return scope -> {
      Map<Object, Object> values = new LinkedHashMap<>();
      members.forEach((key, value) -> values.put(key.value(scope), value.value(scope)));
      return values;
    };
  }

  /** What follows a value: {@code .name}, {@code [item]} and {@code (call)}. */
  private Expression parts(Expression value) {
    while (true) {
      Expression whole = value;
      if (cursor.takes(".")) {
        Token part = cursor.next();
        value =
            part.kind() == Kind.NUMBER
                ? scope -> Values.item(whole.value(scope), Long.valueOf(part.text()))
                : scope -> Values.attribute(whole.value(scope), part.text());
      } else if (cursor.takes("[")) {
        value = itemOrSlice(whole);
      } else if (cursor.isOperator("(")) {
        Arguments given = arguments();
        value = scope -> Values.call(whole.value(scope), given.placed(scope), given.named(scope));
      } else {
        return value;
      }
    }
  }

  private Expression itemOrSlice(Expression whole) {
    List<Expression> bounds = new ArrayList<>();
    bounds.add(cursor.isOperator(":") ? _ -> null : one());
    boolean isSlice = cursor.isOperator(":");
    while (cursor.takes(":")) {
      bounds.add(cursor.isOperator(":") || cursor.isOperator("]") ? _ -> null : one());
    }
    cursor.expect("]");
    Expression first = bounds.getFirst();
    if (!isSlice) {
      return scope -> Values.item(whole.value(scope), first.value(scope));
    }
    Expression last = bounds.get(1);
    Expression step = bounds.size() > 2 ? bounds.get(2) : _ -> null;
    return scope ->
        Values.slice(whole.value(scope), first.value(scope), last.value(scope), step.value(scope));
  }

  /** What a call is given, in its brackets. */
  Arguments arguments() {
    cursor.expect("(");
    List<Expression> placed = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    while (!cursor.takes(")")) {
      if (cursor.peek().kind() == Kind.NAME && cursor.second().is(Kind.OPERATOR, "=")) {
        String name = cursor.name();
        cursor.expect("=");
        named.put(name, one());
      } else {
        placed.add(one());
      }
      if (!cursor.isOperator(")")) {
        cursor.expect(",");
      }
    }
    return new Arguments(placed, named);
  }

  // ---- filters and tests -----------------------------------------------------------------------

  private Expression filters(Expression value) {
    while (true) {
      Expression of = value;
      if (cursor.takes("|")) {
        String name = Filters.known(cursor.name());
        Arguments given = cursor.isOperator("(") ? arguments() : Arguments.NONE;
        value =
            scope -> Filters.apply(name, of.value(scope), given.placed(scope), given.named(scope));
      } else if (cursor.takesName("is")) {
        value = test(of);
      } else if (cursor.isOperator("(") || cursor.isOperator(".") || cursor.isOperator("[")) {
        value = parts(of);
      } else {
        return value;
      }
    }
  }

  private Expression test(Expression of) {
    boolean isNot = cursor.takesName("not");
    String name = Tests.known(cursor.name());
    Arguments given = Arguments.NONE;
    if (cursor.isOperator("(")) {
      given = arguments();
    } else if (Tests.takesOne(name)) {
      given = new Arguments(List.of(parts(primary())), Map.of());
    }
    Arguments with = given;
    return scope -> isNot != Tests.holds(name, of.value(scope), with.placed(scope));
  }
}
