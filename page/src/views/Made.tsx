/** How a picked number is made: its formula, its operands, their sum, and what the engine has. */

import type { Packed } from "../api";
import { shown, visible } from "../format";
import { useArrays, useShared } from "../state";
import { TEXT } from "../strings";
import type { Picked } from "./Flow";
import { askedOfBackward, FORWARD_ONLY, LayerNumbers, type Recipe } from "./stages";

const MOST = 12; // operands that are listed, largest first

export function Made({ layer, picked }: { layer: LayerNumbers; picked: Picked | null }) {
  const stage = picked && layer.stages().find(({ name }) => name === picked.stage);
  const inside = stage && picked.cell.row < layer.T && picked.cell.column < stage.columns;
  const recipe = inside ? layer.recipe(picked.stage, picked.cell.row, picked.cell.column) : null;
  const asked = recipe?.weights ?? null;
  const { value: weights } = useArrays("/api/column", asked);
  const gradient = useGradient(layer, inside ? picked : null);
  return (
    <aside class="made" aria-label={TEXT.flow.made}>
      <h3>{TEXT.flow.made}</h3>
      {recipe && stage && picked ? (
        <Operands
          title={`${stage.title}: ${visible(layer.rowNames[picked.cell.row]!)}, ${picked.cell.column}`}
          recipe={recipe}
          weights={asked ? weights : null}
          value={stage.value(picked.cell.row, picked.cell.column)}
          gradient={gradient}
        />
      ) : (
        <p class="note">{TEXT.flow.nothing}</p>
      )}
    </aside>
  );
}

/** How fast the loss of the last token grows with a number; null where that is not known. */
function useGradient(layer: LayerNumbers, picked: Picked | null): number | null {
  const { tokens, place } = useShared();
  const ids = tokens?.ids ?? [];
  const wanted = picked && ids.length > 1 && !FORWARD_ONLY.includes(picked.stage);
  const { value } = useArrays(
    "/api/backward",
    wanted ? askedOfBackward(ids, layer.layer, place.checkpoint) : null,
  );
  if (!wanted || !value) return null;
  const back = new LayerNumbers(layer.about, value, layer.layer, layer.head);
  const stage = back.stages().find(({ name }) => name === picked.stage);
  return stage?.value(picked.cell.row, picked.cell.column) ?? null;
}

interface Props {
  title: string;
  recipe: Recipe;
  weights: Packed | null;
  value: number;
  gradient: number | null;
}

function Operands({ title, recipe, weights, value, gradient }: Props) {
  const say = TEXT.flow;
  const columns = weights?.arrays.weights?.data;
  const bias = weights?.arrays.bias?.data[0] ?? recipe.bias;
  const waits = recipe.weights && columns?.length !== recipe.terms.length;
  const terms = recipe.terms.map((term, i) => ({ ...term, b: term.b ?? columns?.[i] }));
  const products = terms.map(({ a, b }) => (b === undefined ? a : a * b));
  const sum = products.reduce((total, product) => total + product, 0) + (bias ?? 0);
  const order = products
    .map((_, i) => i)
    .sort((i, j) => Math.abs(products[j]!) - Math.abs(products[i]!));
  const listed = order.slice(0, MOST).sort((i, j) => i - j);
  const rest = order.slice(MOST).reduce((total, i) => total + products[i]!, 0);
  return (
    <>
      <p>{title}</p>
      <p class="formula">{recipe.formula}</p>
      {waits ? (
        <p class="status" role="status">{TEXT.computing}</p>
      ) : (
        <table class="operands">
          <caption>{say.operands}</caption>
          <tbody>
            {listed.map((i) => (
              <tr key={i}>
                <th scope="row">{visible(terms[i]!.name)}</th>
                <td>{shown(terms[i]!.a)}</td>
                <td>{terms[i]!.b === undefined ? "" : `· ${shown(terms[i]!.b)}`}</td>
                <td>{shown(products[i])}</td>
              </tr>
            ))}
            {order.length > MOST && (
              <tr>
                <th scope="row">{say.rest(order.length - MOST)}</th>
                <td /><td />
                <td>{shown(rest)}</td>
              </tr>
            )}
            {bias !== undefined && (
              <tr><th scope="row">{say.bias}</th><td /><td /><td>{shown(bias)}</td></tr>
            )}
            <tr class="sum">
              <th scope="row">{say.sum}{recipe.after && `, ${recipe.after}`}</th>
              <td /><td />
              <td data-sum={sum}>{shown(sum)}</td>
            </tr>
            <tr class="sum">
              <th scope="row">{say.engine}</th>
              <td /><td />
              <td data-engine={value}>{shown(value)}</td>
            </tr>
            {gradient !== null && (
              <tr>
                <th scope="row">{say.gradient}</th>
                <td /><td />
                <td data-gradient={gradient}>{shown(gradient)}</td>
              </tr>
            )}
          </tbody>
        </table>
      )}
      <p class="note">{say.maths(recipe.maths)}</p>
    </>
  );
}
