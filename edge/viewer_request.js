// The CloudFront Function of the distribution's default behaviour (the assets), on viewer requests. Two things:
//
// 1. `www.<base>` is redirected to `<base>` for good, with its path and query.
// 2. A path whose last part has no file extension is a page of the frontend: it gets /index.html, and the frontend's
//    router does the rest. A path with an extension is a file; a missing one stays an error.
//
// Runtime cloudfront-js-2.0. Written in ECMAScript 5.1, all of which that runtime has; rawQueryString() is its own.
// It must not be associated with /api/*: there every path would become /index.html.

function handler(event) {
    var request = event.request;
    var host = request.headers.host ? request.headers.host.value.toLowerCase() : '';

    if (host.indexOf('www.') === 0) {
        // The parsed querystring has lost the order of repeated names, and what was escaped how.
        var query = request.rawQueryString();
        return {
            statusCode: 301,
            statusDescription: 'Moved Permanently',
            headers: {
                location: {
                    value: 'https://' + host.slice(4) + request.uri + (query === undefined ? '' : '?' + query)
                }
            }
        };
    }

    // A final dot is no extension, a dot in a folder's name neither.
    if (!/\.[^./]+$/.test(request.uri)) {
        request.uri = '/index.html';
    }
    return request;
}
