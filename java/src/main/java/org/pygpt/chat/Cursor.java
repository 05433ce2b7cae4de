package org.pygpt.chat;

import java.util.List;
import org.pygpt.chat.Lexer.Kind;
import org.pygpt.chat.Lexer.Token;

/** Mutable: where a reader of tokens is. */
final class Cursor {
  private final List<Token> tokens;
  private int at;

  Cursor(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token peek() {
    return tokens.get(at);
  }

  /** The token after the next one. */
  Token second() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  Token next() {
    Token token = tokens.get(at);
    at += token.kind() == Kind.END ? 0 : 1;
    return token;
  }

  boolean isOperator(String text) {
    return peek().is(Kind.OPERATOR, text);
  }

  boolean isName(String text) {
    return peek().is(Kind.NAME, text);
  }

  boolean takes(String operator) {
    boolean there = isOperator(operator);
    at += there ? 1 : 0;
    return there;
  }

  boolean takesName(String name) {
    boolean there = isName(name);
    at += there ? 1 : 0;
    return there;
  }

  void expect(String operator) {
    if (!takes(operator)) {
      throw problem("'" + operator + "'");
    }
  }

  String name() {
    if (peek().kind() != Kind.NAME) {
      throw problem("a name");
    }
    return next().text();
  }

  TemplateException problem(String expected) {
    Token got = peek();
    String text = got.kind() == Kind.END ? "the end" : "'" + got.text() + "'";
    return new TemplateException("expected " + expected + ", got " + text);
  }
}
