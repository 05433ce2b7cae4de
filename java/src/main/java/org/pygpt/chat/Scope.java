package org.pygpt.chat;

import java.util.HashMap;
import java.util.Map;

/** Mutable: the names that a part of a template knows; those of the parts around it behind them. */
final class Scope {
  private final Map<String, Object> names = new HashMap<>();
  private final Scope around;

  Scope(Scope around) {
    this.around = around;
  }

  Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.around) {
      if (scope.names.containsKey(name)) {
        return scope.names.get(name);
      }
    }
    return new Values.Undefined("'" + name + "' is undefined");
  }

  void set(String name, Object value) {
    names.put(name, value);
  }
}
