# Writes a source file that holds a text file as a raw string; run by holisafe_embed().
file(READ "${INPUT}" content)
file(WRITE "${OUTPUT}" "#include <string_view>\nnamespace ${NAMESPACE} {\nextern const std::string_view ${SYMBOL};\n\
const std::string_view ${SYMBOL} = R\"embedded(${content})embedded\";\n}\n")
