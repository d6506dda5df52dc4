/**
 * Where in a value an expression stands: an index, known as one number (row-major), as coordinates, or as both, with
 * the arithmetic between the two written down only where it is needed.
 */
import { sameShape, type Shape, sizeOf, stridesOf } from '../../shape.ts';

/** Writes lines of WGSL, each once per scope. */
export interface Scribe {
  /** The name of `expression` (a u32), given to it by a `let` on first use; `key` says what it is. */
  name(key: string, expression: () => string): string;
}

/** A place in a value of `shape`. Equal keys are equal places. */
export interface Index {
  readonly key: string;
  readonly shape: Shape;
  readonly linear: (scribe: Scribe) => string;
  readonly coordinates: (scribe: Scribe) => readonly string[];
}

/** The place whose row-major number is the u32 `expression`. */
export function linearIndex(expression: string, shape: Shape): Index {
  const key = `L${expression}:${shape.join()}`;
  return {
    key,
    shape,
    linear: () => (sizeOf(shape) === 1 ? '0u' : expression),
    coordinates: (scribe) => {
      const strides = stridesOf(shape);
      // Extents of 1 take no part: the first of the others needs no remainder.
      const first = shape.findIndex((extent) => extent !== 1);
      return shape.map((extent, axis) => {
        if (extent === 1) return '0u';
        const stride = strides[axis]!;
        if (axis === first && stride === 1) return expression;
        return scribe.name(`${key}@${axis}`, () => {
          const quotient = stride === 1 ? expression : `${expression} / ${stride}u`;
          return axis === first ? quotient : `(${quotient}) % ${extent}u`;
        });
      });
    },
  };
}

/** The place with these coordinates. */
export function coordinateIndex(coordinates: readonly string[], shape: Shape): Index {
  // Along an axis of extent 1 there is one place.
  const places = coordinates.map((c, axis) => (shape[axis] === 1 ? '0u' : c));
  const key = `C${places.join()}:${shape.join()}`;
  return {
    key,
    shape,
    coordinates: () => places,
    linear: (scribe) => {
      const strides = stridesOf(shape);
      const terms = places.flatMap((c, axis) => {
        const stride = strides[axis]!;
        return c === '0u' ? [] : [stride === 1 ? c : `${c} * ${stride}u`];
      });
      if (terms.length === 0) return '0u';
      if (terms.length === 1 && /^\w+$/.test(terms[0]!)) return terms[0]!;
      return scribe.name(`${key}#`, () => terms.join(' + '));
    },
  };
}

/** The same element of the same elements under another shape. */
export function reshaped(index: Index, shape: Shape, scribe: Scribe): Index {
  if (sameShape(index.shape, shape)) return index;
  // Only extents of 1 come or go: coordinates stay what they are.
  const kept = (s: Shape): Shape => s.filter((extent) => extent !== 1);
  if (index.key.startsWith('C') && sameShape(kept(index.shape), kept(shape))) {
    const places = index.coordinates(scribe).filter((_, axis) => index.shape[axis] !== 1);
    let next = 0;
    return coordinateIndex(
      shape.map((extent) => (extent === 1 ? '0u' : places[next++]!)),
      shape,
    );
  }
  return linearIndex(index.linear(scribe), shape);
}

/** Where an operand of `shape` is read for the element at `index` of what it was broadcast to. */
export function broadcast(index: Index, shape: Shape, scribe: Scribe): Index {
  if (sameShape(index.shape, shape)) return index;
  if (sizeOf(shape) === 1)
    return coordinateIndex(
      shape.map(() => '0u'),
      shape,
    );
  const kept = (s: Shape): Shape => s.filter((extent) => extent !== 1);
  if (sameShape(kept(index.shape), kept(shape))) return reshaped(index, shape, scribe);
  const places = index.coordinates(scribe).slice(index.shape.length - shape.length);
  return coordinateIndex(places, shape);
}
