package org.pygpt.chat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.pygpt.text.CharTokenizer;
import org.pygpt.text.Json;
import org.pygpt.text.TextException;

/** Chat templates against what transformers makes of them; more are in Python's tests. */
class ChatTemplateTest {
  @Test
  void isRenderedAsTransformersDoes() throws Exception {
    Path file = Path.of("tests", "golden", "chat_templates.json");
    Map<String, Object> golden = Json.parseObject(Files.readString(file));
    Map<?, ?> templates = (Map<?, ?>) golden.get("templates");
    Map<?, ?> conversations = (Map<?, ?>) golden.get("conversations");
    int compared = 0;
    for (Object one : (List<?>) golden.get("rendered")) {
      Map<?, ?> made = (Map<?, ?>) one;
      Map<String, Object> values = new HashMap<>();
      ((Map<?, ?>) golden.get("names")).forEach((k, value) -> values.put((String) k, value));
      values.put("messages", conversations.get(made.get("case")));
      values.put("add_generation_prompt", made.get("asks"));
      values.put("tools", made.get("tools"));
      values.put("documents", null);
      ChatTemplate template = new ChatTemplate((String) templates.get(made.get("template")));
      if (made.get("text") == null) {
        assertThrows(TextException.class, () -> template.render(values));
      } else {
        assertEquals(made.get("text"), template.render(values), made.toString());
        compared++;
      }
    }
    assertTrue(compared > 100);
  }

  private static ChatForm form(String template) {
    String characters =
        IntStream.range(10, 127)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
            .toString();
    CharTokenizer tokenizer = new CharTokenizer(characters, true);
    int[] ends = tokenizer.end().stream().toArray();
    return new ChatForm(tokenizer, template, ends, OptionalInt.empty(), OptionalInt.empty());
  }

  @Test
  void ourOwnForm() {
    List<Message> said =
        List.of(Message.user("up?"), Message.assistant("down"), Message.user("up?"));
    CharTokenizer tokenizer = CharTokenizer.train(List.of("up?"));
    int[] up = form(null).prompt(said.subList(0, 1));
    int[] all = form(null).prompt(said);
    assertEquals(3, up.length);
    assertEquals(117, all[7]); // BOS after the answer
    assertEquals(11, all.length);
    String plain =
        "{% for message in messages %}{{ message['content'] }}"
            + "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}";
    assertArrayEquals(all, form(plain).prompt(said));
    assertArrayEquals(all, form(plain + "{# by its template #}").prompt(said));
    assertArrayEquals(new int[] {117}, form(plain).ends());
    assertEquals(4, tokenizer.vocabSize());
  }
}
