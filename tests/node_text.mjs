// Reads texts as a client in JavaScript does, runs a text graph on them and writes its outputs.
// node node_text.mjs <onnxruntime-node's entry point> <job.json>
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [entry, jobPath] = process.argv.slice(2);
const imported = await import(pathToFileURL(entry).href);
const ort = imported.InferenceSession ? imported : imported.default;
if (ort.env?.wasm) ort.env.wasm.numThreads = 1;

const job = JSON.parse(readFileSync(jobPath, "utf8"));
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(job.model)), {
  intraOpNumThreads: 1,
});
const answers = [];
for (const text of job.texts) {
  const codes = Array.from(text.normalize("NFC"), (c) => c.codePointAt(0));
  if (codes.length === 0) codes.push(0);
  const values = BigInt64Array.from(codes, BigInt);
  const outputs = await session.run({
    codes: new ort.Tensor("int64", values, [1, codes.length]),
  });
  answers.push(
    Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data)])),
  );
}
writeFileSync(job.answers, JSON.stringify(answers));
