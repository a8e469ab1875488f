// Runs one ONNX file on inputs written by Python and writes its outputs for comparison.
// node node_parity.mjs <installed package's entry point> <job.json>
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const ARRAYS = { float32: Float32Array, int64: BigInt64Array, bool: Uint8Array };

const [entry, jobPath] = process.argv.slice(2);
const imported = await import(pathToFileURL(entry).href);
const ort = imported.InferenceSession ? imported : imported.default;
if (ort.env?.wasm) ort.env.wasm.numThreads = 1;

const folder = dirname(jobPath);
const job = JSON.parse(readFileSync(jobPath, "utf8"));
const feeds = Object.fromEntries(
  job.inputs.map(({ name, dtype, shape, file }) => {
    const bytes = readFileSync(join(folder, file));
    const aligned = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    return [name, new ort.Tensor(dtype, new ARRAYS[dtype](aligned), shape)];
  }),
);
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(job.model)), {
  intraOpNumThreads: 1,
});
const outputs = await session.run(feeds);
const written = Object.entries(outputs).map(([name, { data, dims }], place) => {
  const file = `out_${place}.bin`;
  writeFileSync(join(folder, file), Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return { name, shape: dims, file };
});
writeFileSync(join(folder, "outputs.json"), JSON.stringify(written));
