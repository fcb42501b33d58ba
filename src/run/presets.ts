/** Chooses a preset by the texts of a training or a sweep, and adds its options to those that were typed. */
import type { TextSource } from "../node/text.ts";
import { PRESETS, SIZES, TextLook } from "../options/presets.ts";
import type { PresetName } from "../options/presets.ts";
import type { TrainOptions } from "../options/train-options.ts";

/** Which options were typed, and which preset is asked for. */
export interface PresetRequest {
  /** Keys of the options that were typed; for a sweep, those that vary, too. */
  readonly typed: ReadonlySet<string>;
  /** The preset; null: chosen by the data where no size is typed. */
  readonly preset: PresetName | null;
  /** Whether `--auto` was typed. Default: false. */
  readonly isAuto?: boolean;
}

/** Texts that are looked at, at most. */
const MAX_TEXTS = 200;

/** Whether the data may choose a preset: it is the user's own, and no option fixes the sizes or the scalar engine. */
export function mayChooseByText(
  { data, urls, urlFile, reference, noGpu, engine }: TrainOptions,
  typed: ReadonlySet<string>,
): boolean {
  const isOwn = data.length > 0 || urls.length > 0 || urlFile !== null;
  return isOwn && !reference && !noGpu && engine !== "atomic" && !SIZES.some((key) => typed.has(key));
}

/** The options with those of a named preset, before the texts are known; they may still change `documents`. */
export const withNamedPreset = (options: TrainOptions, { typed, preset }: PresetRequest): TrainOptions =>
  preset === null ? options : merge(options, PRESETS[preset], typed);

/** The options with those of the preset that is asked for, or that suits the texts. @param say takes what was chosen. */
export function withPreset(
  options: TrainOptions,
  { typed, preset }: PresetRequest,
  sources: readonly TextSource[],
  say: (message: string) => void,
): TrainOptions {
  if (preset === null && !mayChooseByText(options, typed)) return options;
  const look = lookAt(sources);
  const chosen = look.choose();
  const name = preset ?? chosen.preset;
  const merged = merge(options, look.optionsOf(name), typed);
  if (preset === null && name !== "names")
    say(`preset ${name}, because the text has ${chosen.why} (--preset names: the small defaults)`);
  return merged;
}

/** Looks at the beginnings of the first texts. */
export function lookAt(sources: readonly TextSource[]): TextLook {
  const look = new TextLook();
  for (const source of sources.slice(0, MAX_TEXTS)) look.add(source.name, source.chunks(), source.hasRows);
  return look;
}

/** The options with those of a preset that were not typed. */
export function merge(options: TrainOptions, preset: Partial<TrainOptions>, typed: ReadonlySet<string>): TrainOptions {
  const added = Object.entries(preset).filter(([key]) => !typed.has(key));
  return { ...options, ...Object.fromEntries(added) };
}
