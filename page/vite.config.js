// The page is one file: the server sends it as it is, and "Save page" writes it to the disk.
import { defineConfig } from "vite";

const LIMIT_BYTES = 150_000; // gzipped

/** Puts scripts and styles into the HTML that names them. */
function oneFile() {
  return {
    name: "one-file",
    enforce: "post",
    generateBundle(_, bundle) {
      const html = bundle["index.html"];
      for (const [name, file] of Object.entries(bundle)) {
        if (name.endsWith(".js")) {
          const code = file.code.replaceAll("</script", "<\\/script");
          const tag = new RegExp(`<script[^>]*src="[^"]*${file.fileName}"[^>]*></script>`);
          html.source = html.source.replace(tag, () => `<script type="module">${code}</script>`);
          delete bundle[name];
        } else if (name.endsWith(".css")) {
          const tag = new RegExp(`<link[^>]*href="[^"]*${file.fileName}"[^>]*>`);
          html.source = html.source.replace(tag, () => `<style>${file.source}</style>`);
          delete bundle[name];
        }
      }
    },
    async writeBundle(_, bundle) {
      const { gzipSync } = await import("node:zlib");
      const size = gzipSync(bundle["index.html"].source).length;
      if (size > LIMIT_BYTES) throw new Error(`page: expected ${LIMIT_BYTES} bytes, got ${size}`);
      console.log(`the page has ${size} bytes gzipped`);
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [oneFile()],
  build: {
    outDir: "../pygpt/serve/page",
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 1_000_000,
    cssCodeSplit: false,
    target: "es2022",
  },
});
