package executor;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import java.util.Map;

/** Values as messages carry and show them. */
public final class Values {
    private static final int MOST_SHOWN = 100;

    private Values() {}

    /** A value as messages for people show it: in one line, and the whole of it only if it is short. */
    public static String quote(String value) {
        StringBuilder shown = new StringBuilder("\"");
        value.codePoints().limit(MOST_SHOWN).forEach(character -> {
            if (character == '"' || character == '\\') shown.append('\\').appendCodePoint(character);
            else if (Character.isISOControl(character)) shown.append(String.format("\\u%04x", character));
            else shown.appendCodePoint(character);
        });
        return shown.append(value.codePointCount(0, value.length()) > MOST_SHOWN ? "\"..." : "\"").toString();
    }

    /** An object as JSON knows it. */
    static Struct struct(Map<String, Object> fields) {
        Struct.Builder struct = Struct.newBuilder();
        fields.forEach((name, value) -> struct.putFields(name, value(value)));
        return struct.build();
    }

    private static Value value(Object value) {
        Value.Builder builder = Value.newBuilder();
        if (value instanceof Number number) return builder.setNumberValue(number.doubleValue()).build();
        if (value instanceof Boolean flag) return builder.setBoolValue(flag).build();
        return builder.setStringValue(String.valueOf(value)).build();
    }
}
