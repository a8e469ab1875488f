// Runs the golden rows of a bundle in this browser and shows the answer.
"use strict";
const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const blob = (text, type) => URL.createObjectURL(new Blob([decoded(text)], { type }));
const french = new Intl.NumberFormat("fr-FR", { maximumSignificantDigits: 5 });
const show = (id, text) => { document.getElementById(id).textContent = text; };

function tensor(ort, field, values) {
  const sizes = field.shape.slice(1).map((size) => (typeof size === "number" ? size : values.length));
  const shape = [1, ...sizes];
  if (field.dtype === "int64") return new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
  if (field.dtype === "bool") return new ort.Tensor("bool", Uint8Array.from(values), shape);
  return new ort.Tensor("float32", Float32Array.from(values, (v) => (v === null ? NaN : v)), shape);
}

function drawn(values, unit) {
  const top = Math.max(...values, 0), low = Math.min(...values, 0), span = top - low || 1;
  const points = values.map((v, i) => `${(i * 640) / Math.max(1, values.length - 1)},${180 - (180 * (v - low)) / span}`);
  document.getElementById("ligne").setAttribute("points", points.join(" "));
  show("echelle", `de ${french.format(low)} à ${french.format(top)}${unit === "1" ? "" : ` ${unit}`}`);
}

async function start() {
  const ort = await import(blob(AUNE_RUNTIME.api, "text/javascript"));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = {
    mjs: blob(AUNE_RUNTIME.glue, "text/javascript"),
    wasm: blob(AUNE_RUNTIME.wasm, "application/wasm"),
  };
  const session = await ort.InferenceSession.create(decoded(AUNE_MODEL.onnx), { executionProviders: ["wasm"] });
  const { inputs, outputs } = AUNE_MODEL.manifest;
  const answered = outputs.find((field) => field.name === AUNE_MODEL.answer);
  const run = async (row) => {
    const given = AUNE_MODEL.rows[row].inputs;
    const feeds = Object.fromEntries(inputs.map((field) => [field.name, tensor(ort, field, given[field.name])]));
    return Array.from((await session.run(feeds, [answered.name]))[answered.name].data, Number);
  };
  const choice = document.getElementById("cas");
  AUNE_MODEL.rows.forEach((_, row) => choice.add(new Option(`Exemple ${row + 1}`, row)));
  const answer = async () => {
    const began = performance.now(), found = await run(Number(choice.value));
    drawn(found, answered.unit);
    show("duree", `${french.format(performance.now() - began)} ms dans ce navigateur`);
  };
  choice.addEventListener("change", answer);
  await answer();
  let close = 0, count = 0;
  for (let row = 0; row < AUNE_MODEL.rows.length; row += 1) {
    const expected = AUNE_MODEL.rows[row].expected;
    const spread = Math.max(...expected) - Math.min(...expected) || 1;
    (await run(row)).forEach((value, place) => {
      count += 1;
      close += Math.abs(value - expected[place]) <= 1e-5 * Math.max(spread, Math.abs(expected[place])) ? 1 : 0;
    });
  }
  show("etat", `${close} valeurs sur ${count} égales à celles du laboratoire à un cent-millième près.`);
}
start().catch((error) => show("etat", `Ce navigateur ne peut pas calculer : ${error.message}`));
