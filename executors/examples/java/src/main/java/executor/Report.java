package executor;

import executor.v1.Executor.Effect;
import java.util.Map;

/**
 * What is known of work, whether it succeeded or not.
 *
 * @param effect was something outside changed? Unspecified where nobody knows: a promise of NONE makes trying again safe
 * @param evidence proof of what happened: texts, numbers and booleans
 */
public record Report(Effect effect, Map<String, Object> evidence) {
    public static final Report UNKNOWN = new Report(Effect.EFFECT_UNSPECIFIED, Map.of());
    public static final Report NO_EFFECT = new Report(Effect.EFFECT_NONE, Map.of());
}
