package org.pygpt.langchain4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.output.FinishReason;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pygpt.Conversation;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;
import org.pygpt.Trainer;
import org.pygpt.text.TextException;

/** LangChain4j's models answer as the model itself does. */
class LangChain4jTest {
  private static final GenerateOptions OPTIONS =
      GenerateOptions.DEFAULT.withMaxNewTokens(12).withSeed(1);

  @TempDir static Path folder;
  private static GPT model;

  @BeforeAll
  static void trainOne() throws Exception {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "Be brief. What is a monad? A burrito.\n".repeat(90));
    Trainer.Builder builder = Trainer.of("shakespeare-char").data(text).out(folder.resolve("run"));
    try (Trainer trainer =
        builder.option("n_layer", 1).option("n_embd", 32).option("max_iters", 3).open()) {
      trainer.fit();
    }
    model = GPT.load(folder.resolve("run"));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static ChatRequest request() {
    return ChatRequest.builder()
        .messages(SystemMessage.from("Be brief."), UserMessage.from("What?"))
        .build();
  }

  @Test
  void answersAsAConversation() {
    ChatResponse response = new PygptChatModel(model, OPTIONS).chat(request());
    String said = new Conversation(model, false, "Be brief.", OPTIONS).answer("What?");
    assertEquals(said, response.aiMessage().text());
    assertEquals(14, response.tokenUsage().inputTokenCount());
    assertEquals(12, response.tokenUsage().outputTokenCount());
    assertEquals(FinishReason.LENGTH, response.finishReason());
    ChatRequest two =
        ChatRequest.builder()
            .messages(UserMessage.from("a"), AiMessage.from("b"), UserMessage.from("What?"))
            .maxOutputTokens(3)
            .temperature(0.0)
            .build();
    assertEquals(3, new PygptChatModel(model, OPTIONS).chat(two).aiMessage().text().length());
  }

  @Test
  void streamsTheSame() throws Exception {
    CompletableFuture<ChatResponse> end = new CompletableFuture<>();
    StringBuilder pieces = new StringBuilder();
    stream(request(), pieces, end);
    ChatResponse response = end.get();
    assertEquals(new PygptChatModel(model, OPTIONS).chat(request()), response);
    assertEquals(response.aiMessage().text(), pieces.toString());
    CompletableFuture<ChatResponse> refused = new CompletableFuture<>();
    stream(ChatRequest.builder().messages(UserMessage.from("\u00e9")).build(), pieces, refused);
    Throwable error = assertThrows(Exception.class, refused::get).getCause();
    assertInstanceOf(TextException.class, error);
  }

  private static void stream(
      ChatRequest request, StringBuilder pieces, CompletableFuture<ChatResponse> end) {
    new PygptStreamingChatModel(model, OPTIONS)
        .chat(
            request,
            new StreamingChatResponseHandler() {
              @Override
              public void onPartialResponse(String piece) {
                pieces.append(piece);
              }

              @Override
              public void onCompleteResponse(ChatResponse response) {
                end.complete(response);
              }

              @Override
              public void onError(Throwable error) {
                end.completeExceptionally(error);
              }
            });
  }

  @Test
  void refusesWhatItCannotDo() {
    ToolSpecification tool = ToolSpecification.builder().name("f").build();
    ChatRequest tools =
        ChatRequest.builder()
            .messages(UserMessage.from("What?"))
            .toolSpecifications(List.of(tool))
            .build();
    PygptChatModel chat = new PygptChatModel(model, OPTIONS);
    assertThrows(UnsupportedFeatureException.class, () -> chat.chat(tools));
  }

  @Test
  void embeds() {
    PygptEmbeddingModel embedding = new PygptEmbeddingModel(model);
    assertEquals(32, embedding.dimension());
    float[] vector = embedding.embed("What?").content().vector();
    assertArrayEquals(model.embed("What?"), vector);
    double length = 0;
    for (float number : vector) {
      length += number * number;
    }
    assertEquals(1, length, 1e-6);
  }
}
