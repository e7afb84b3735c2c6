# This serves the workload by Django, with its own sessions and nothing else of it. It executes no GraphQL: it tells R
# from W by whether there are variables, and answers in the shape of the other peers.

import json
import os
import sys
from urllib.parse import urlsplit

from django.conf import settings

database = urlsplit(os.environ['BENCH_DATABASE'])
cache = os.environ.get('BENCH_CACHE')

settings.configure(
    DEBUG=False,
    SECRET_KEY='a secret with a minimum length of 32 characters',
    ALLOWED_HOSTS=['127.0.0.1'],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=['django.contrib.sessions'],
    MIDDLEWARE=['django.contrib.sessions.middleware.SessionMiddleware'],
    SESSION_ENGINE='django.contrib.sessions.backends.' + ('cached_db' if cache else 'db'),
    DATABASES={
        'default': {
            'ENGINE': 'django.db.backends.postgresql',
            'HOST': database.hostname,
            'PORT': database.port,
            'USER': database.username,
            'NAME': database.path[1:],
            # A connection stays open from one request to the next. By default each request opens its own.
            'CONN_MAX_AGE': None,
        }
    },
    USE_TZ=True,
    **({'CACHES': {'default': {'BACKEND': 'django_redis.cache.RedisCache', 'LOCATION': cache}}} if cache else {}),
)

from django.core.management import execute_from_command_line  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


def graphql(request):
    variables = json.loads(request.body).get('variables')
    if variables is None:
        return JsonResponse({'data': {'session': {'value': request.session.get('visits')}}})
    entry = {'key': variables.get('key', 'visits'), 'value': variables['value']}
    request.session[entry['key']] = entry['value']
    return JsonResponse({'data': {'setSessionKey': {'entry': entry}}})


urlpatterns = [path('graphql', graphql)]

if __name__ == '__main__':
    execute_from_command_line(sys.argv)
else:
    application = get_wsgi_application()
