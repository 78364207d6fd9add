// The header serves C++ too.
#include "tidegate.h"

int main() {
    tg_gateway *gw = nullptr;
    tg_error *err = nullptr;
    tg_request request = TG_REQUEST_INIT;
    tg_serve_options options = TG_SERVE_OPTIONS_INIT;
    request.target = "/v1/models";
    const tg_result result = tg_gateway_open("[]", 2, &gw, &err);
    const bool told = result == TG_INVALID_CONFIG && tg_error_code(err) == result;
    tg_error_free(err);
    return told && options.struct_size > 0 && request.mode == TG_MODE_NATIVE ? 0 : 1;
}
