// The request that goes up to a guarded server.
#pragma once

#include <string>

#include "image/image.h"
#include "serve/fault.h"
#include "serve/request.h"
#include "serve/upstream.h"

namespace holisafe::serve {

/// The request's document as JSON text, each image's URL replaced by a data URI of what was judged, so that
/// nobody reads it in another way or fetches another picture. All images have their bytes. Faults:
/// invalid_image, image_too_large (what the guard would have refused), internal_error (an image of the
/// document that is none of the request's).
Answer<std::string> upstream_document(const ChatRequest& request, UpstreamImages images,
                                      const image::DecodeOptions& decode);

}  // namespace holisafe::serve
