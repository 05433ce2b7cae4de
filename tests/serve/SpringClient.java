import java.util.Arrays;
import org.springframework.ai.openai.OpenAiChatModel;
import org.springframework.ai.openai.OpenAiChatOptions;
import org.springframework.ai.openai.OpenAiEmbeddingModel;
import org.springframework.ai.openai.OpenAiEmbeddingOptions;

/** Spring AI's models of an endpoint, without Boot: {@code ADDRESS NAME}; prints a line for each. */
class SpringClient {
  private static final String QUESTION = "hello";

  public static void main(String[] arguments) {
    String address = arguments[0] + "/v1";
    String name = arguments[1];
    OpenAiChatModel chat =
        OpenAiChatModel.builder()
            .options(
                OpenAiChatOptions.builder()
                    .baseUrl(address)
                    .apiKey("none")
                    .model(name)
                    .temperature(0.0)
                    .maxTokens(12)
                    .build())
            .build();
    System.out.println("chat " + chat.call(QUESTION));
    System.out.println(
        "streamed " + String.join("", chat.stream(QUESTION).collectList().block()));
    OpenAiEmbeddingModel embeddings =
        OpenAiEmbeddingModel.builder()
            .options(
                OpenAiEmbeddingOptions.builder()
                    .baseUrl(address)
                    .apiKey("none")
                    .model(name)
                    .build())
            .build();
    System.out.println("vector " + Arrays.toString(embeddings.embed(QUESTION)));
    System.exit(0); // its threads would wait for more to ask
  }
}
